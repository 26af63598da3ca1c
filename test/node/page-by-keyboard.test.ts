import { expect, test } from "vitest";
import type { Page } from "playwright-core";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { pageAddress, picture, shopPolicies, usePage } from "#test/support/use-page.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({ objects: shopPolicies, args: ["--ui-address", pageAddress, "--trace-interval", "0s"] });
const shop = { namespace: "shop" };
const pods = usePods(node, ["web", "api", "db"], { web: shop, api: shop, db: shop });
const browser = usePage(node);

prepare(async () => {
  await expectTraffic(pods.web, pods.api, 8080, "refused");
  await expectTraffic(pods.api, pods.db, 5433, "silent");
});

/** What has the focus, in a word or two. */
const focused = (page: Page): Promise<string> =>
  page.evaluate(`(() => {
    const { activeElement: one } = document;
    return one.getAttribute("aria-label") || one.name || one.textContent.trim();
  })()`);

async function tabTo(page: Page, wanted: RegExp): Promise<void> {
  const met: string[] = [];
  for (let i = 0; i < 30; i++) {
    await page.keyboard.press("Tab");
    met.push(await focused(page));
    if (wanted.test(met.at(-1) ?? "")) return;
  }
  throw new Error(`nothing like ${wanted} can be reached: ${met.join(", ")}`);
}

test("everything can be done without a mouse, and where one is can be seen", async () => {
  const page = await browser.open();
  await page.locator("#flows tbody tr", { hasText: "TCP 5433" }).waitFor();

  await tabTo(page, /^Pause$/);
  await page.keyboard.press("Enter");
  expect(await focused(page)).toBe("Go on");
  await page.keyboard.press("Enter");
  await tabTo(page, /^verdict$/);

  await tabTo(page, /^workload /);
  await page.keyboard.press("End");
  expect(await focused(page)).toContain(" to shop/");
  while (!(await focused(page)).includes("denied")) await page.keyboard.press("ArrowUp");
  expect(await page.evaluate("getComputedStyle(document.activeElement.querySelector('.reach')).stroke")).not.toMatch(
    /transparent|, 0\)/,
  );
  await picture(page, "focus-on-map");
  await page.keyboard.press("Enter");
  await expect.poll(() => page.locator("#flows tbody tr").count()).toBe(1);
  expect(await page.evaluate("document.activeElement.getAttribute('aria-pressed')")).toBe("true");
  await page.keyboard.press("Escape");
  await expect.poll(() => page.locator("#flows tbody tr").count()).toBeGreaterThan(1);

  await tabTo(page, /denied/);
  while (!(await focused(page)).includes("TCP 5433")) await page.keyboard.press("ArrowDown");
  expect(await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")).toBe("solid");
  await page.keyboard.press("Enter");
  expect(await focused(page)).toBe("✕ denied: TCP 5433");
  await expect.poll(() => page.locator("#candidate").inputValue()).toContain("allow-ingress-db");
  await tabTo(page, /^What would change$/);
  await page.keyboard.press("Enter");
  await page.locator(".changes li").waitFor();
  await page.keyboard.press("Escape");
  expect(await page.locator("#detail").isVisible()).toBe(false);
  expect(await focused(page)).toContain("TCP 5433");
});

test("in light and in dark every text stands out from what is behind it", async () => {
  for (const colorScheme of ["light", "dark"] as const) {
    const page = await browser.open({ colorScheme });
    await page.locator("#flows tbody tr", { hasText: "TCP 5433" }).click();
    await page.locator(".line.meant").waitFor();
    await picture(page, colorScheme);
    const back = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor");
    expect(back).toBe(colorScheme === "light" ? "rgb(246, 247, 249)" : "rgb(20, 23, 28)");
    expect(await page.evaluate(faintTexts)).toEqual([]);
  }
});

/** Texts with less contrast than 4.5 to 1, as WCAG 2.2 (1.4.3) has it. */
const faintTexts = `(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const pixel = (...colours) => {
    for (const colour of colours) {
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
    }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const faint = [];
  for (const one of document.querySelectorAll("body *")) {
    const own = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== "");
    if (!own || !one.checkVisibility() || one.tagName === "TITLE" || one.tagName === "OPTION") continue;
    const behind = [];
    for (let at = one; at; at = at.parentElement) behind.unshift(getComputedStyle(at).backgroundColor);
    const box = one.closest("g.party")?.querySelector("rect");
    if (box) behind.push(getComputedStyle(box).fill);
    const style = getComputedStyle(one);
    const front = one instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [light(pixel(...behind, front)), light(pixel(...behind))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) faint.push(one.textContent.slice(0, 40) + " " + contrast.toFixed(2));
  }
  return faint;
})()`;

test("no script failed, and none did what it may not", () => {
  expect(browser.complaints).toEqual([]);
});

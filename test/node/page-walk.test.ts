import { expect, test } from "vitest";
import type { Page } from "playwright-core";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { pageAddress, picture, shopPolicies, usePage } from "#test/support/use-page.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({ objects: shopPolicies, args: ["--ui-address", pageAddress, "--trace-interval", "0s"] });
const shop = { namespace: "shop" };
const pods = usePods(node, ["web", "api", "db", "probe"], {
  web: shop,
  api: shop,
  db: shop,
  probe: { namespace: "monitoring" },
});
const browser = usePage(node);

prepare(async () => {
  await pods.db.traffic.serve("TCP", 5432);
  await pods.api.traffic.serve("TCP", 8080);
  await expectTraffic(pods.web, pods.api, 8080, "answered");
  await expectTraffic(pods.api, pods.db, 5432, "answered");
  await expectTraffic(pods.api, pods.db, 5433, "silent");
  await expectTraffic(pods.probe, pods.api, 8080, "silent");
});

const other = "apiVersion: v1\nkind: Namespace\nmetadata: {name: elsewhere}\n";
const denying = `apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: no-db, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: api}}
  ingressDeny:
    - fromEndpoints:
        - matchLabels: {app: db}
`;

const rows = (page: Page, text: string) => page.locator("#flows tbody tr", { hasText: text });
const labels = async (page: Page, selector: string): Promise<string[]> =>
  (await page.locator(selector).evaluateAll((all) => all.map((one) => one.getAttribute("aria-label")))).map(
    (label) => label ?? "",
  );

test("the map shows who talks to whom, allowed and denied, the table each flow with its rule", async () => {
  const page = await browser.open();
  expect(page.url()).toBe(`http://${pageAddress}/`);
  await rows(page, "TCP 5433").waitFor();
  expect(await labels(page, ".party")).toEqual(
    expect.arrayContaining(["workload shop/web", "workload shop/api", "workload shop/db", "workload monitoring/probe"]),
  );
  const edges = await labels(page, ".edge");
  expect(edges).toContainEqual(expect.stringMatching(/^shop\/api to shop\/db, allowed, \d+ flows.*, TCP 5432$/));
  expect(edges).toContainEqual(expect.stringMatching(/^shop\/api to shop\/db, denied, 1 flows.*, TCP 5433$/));
  expect(edges).toContainEqual(expect.stringMatching(/^monitoring\/probe to shop\/api, denied, 1 flows/));
  const denied = rows(page, "TCP 5433");
  expect(await denied.locator("td").nth(1).innerText()).toBe("✕ denied");
  expect(await denied.locator("td").nth(5).innerText()).toBe(
    "ingress: no rule allows it; nearest NetworkPolicy shop/db ingress[0] (db.yaml:13): port 5433 is not 5432",
  );
  await page.setViewportSize({ width: 800, height: 700 });
  await picture(page, "narrow");
  expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(800);
});

test("flows that come are shown, boxes stay where they are", async () => {
  const page = await browser.open();
  await rows(page, "TCP 5433").waitFor();
  const places = () => page.locator(".party").evaluateAll((all) => all.map((one) => one.getAttribute("transform")));
  const before = await places();
  await expectTraffic(pods.probe, pods.web, 81, "refused");
  await rows(page, "TCP 81").first().waitFor();
  expect((await places()).slice(0, before.length)).toEqual(before);
});

test("filters narrow map and table, stand in the address, and come back with it", async () => {
  const page = await browser.open();
  await rows(page, "TCP 5432").first().waitFor();
  await page.getByLabel("Verdict").selectOption("denied");
  await expect.poll(() => labels(page, ".edge")).not.toContainEqual(expect.stringContaining("allowed"));
  await page.getByLabel("Port").fill("5433");
  await expect.poll(() => rows(page, "").count()).toBe(1);
  expect(new URL(page.url()).hash).toBe("#verdict=DROPPED&port=5433");
  const again = await browser.open({}, "verdict=DROPPED&port=5433");
  await expect.poll(() => rows(again, "").count()).toBe(1);
  expect(await again.getByLabel("Port").inputValue()).toBe("5433");
  await again.getByLabel("Port").fill("many");
  await expect.poll(() => again.locator("#message").innerText()).toContain("port");
  await again.getByRole("button", { name: "Clear" }).click();
  await rows(again, "TCP 5432").first().waitFor();
  expect(await again.locator("#message").isVisible()).toBe(false);
});

test("what is chosen on the map is what the table shows", async () => {
  const page = await browser.open();
  await rows(page, "TCP 5432").first().waitFor();
  await page.locator(".edge.denied", { hasText: "TCP 5433" }).click();
  await expect.poll(() => rows(page, "").count()).toBe(1);
  expect(await page.locator("#selection").innerText()).toBe("denied between shop/api and shop/db ✕");
  expect(await page.locator(".edge").count()).toBeGreaterThan(2);
  await page.locator("#selection").click();
  await rows(page, "TCP 5432").first().waitFor();
});

test("a denied flow has its rules, their text, and what another policy would change", async () => {
  const page = await browser.open();
  await rows(page, "TCP 5433").click();
  const detail = page.locator("#detail");
  await detail.locator(".line.meant").waitFor();
  expect(await detail.locator("h2").innerText()).toBe("✕ denied: TCP 5433");
  expect(await detail.innerText()).toContain("NetworkPolicy shop/db ingress[0] db.yaml:13 port 5433 is not 5432");
  expect(await detail.locator(".line.meant").innerText()).toBe("13    - from:");
  const candidate = page.locator("#candidate");
  await expect.poll(() => candidate.inputValue()).toContain("name: allow-ingress-db");
  await page.getByRole("button", { name: "What would change" }).click();
  const change = detail.locator(".changes li");
  await change.waitFor();
  expect(await change.count()).toBe(1);
  expect(await change.innerText()).toContain("✕ deny → ✓ allow TCP 5433");
  expect(await change.innerText()).toMatch(/from\s+shop\/api\s+to\s+shop\/db\s+before\s+no rule allows it/);
  expect(await change.innerText()).toContain("shop/api → shop/db TCP 5433");
  await page.setViewportSize({ width: 1400, height: 700 });
  const edge = (await detail.boundingBox())?.x ?? 0;
  // Where there is room, the panel covers nothing.
  const map = await page.locator("#map-box").boundingBox();
  expect((map?.x ?? 0) + (map?.width ?? 0)).toBeLessThan(edge);
  await picture(page, "detail-light");
  await page.emulateMedia({ colorScheme: "dark" });
  await picture(page, "detail-dark");
  // Only asked about: nothing is in force that was not before.
  expect((await node().client.policies()).map(({ name }) => name)).not.toContain("allow-ingress-db");
});

test("where a rule denies, one begins with its policy, as it was applied", async () => {
  await node().client.applyPolicy({ text: `${other}---\n${denying}`, file: "applied.yaml" });
  await expectTraffic(pods.db, pods.api, 8080, "silent");
  const page = await browser.open();
  await rows(page, "a rule denies it").first().click();
  const detail = page.locator("#detail");
  await detail.locator(".line.meant").waitFor();
  expect(await detail.locator(".line.meant").innerText()).toBe("11    - fromEndpoints:");
  expect(await detail.locator("summary").innerText()).toBe("CiliumNetworkPolicy/shop/no-db, applied.yaml");
  const candidate = page.locator("#candidate");
  await expect.poll(() => candidate.inputValue()).toBe(denying);
  await candidate.fill(denying.replace("app: db", "app: nobody"));
  await candidate.press("Control+Enter");
  await expect.poll(() => detail.locator(".result").innerText()).toMatch(/^Nothing changes in/);
});

test("what is wrong with a candidate is told by line and column, and leads there", async () => {
  const page = await browser.open();
  await rows(page, "TCP 5433").click();
  const candidate = page.locator("#candidate");
  await expect.poll(() => candidate.inputValue()).not.toBe("");
  await candidate.fill("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x}\nspec: 7\n");
  await candidate.press("Control+Enter");
  const error = page.locator(".errors li").first();
  await error.waitFor();
  expect(await error.innerText()).toMatch(/^4:7 spec: /);
  await error.getByRole("button").click();
  expect(await candidate.evaluate("document.activeElement.id")).toBe("candidate");
  expect(await candidate.evaluate("document.activeElement.selectionStart")).toBe(
    (await candidate.inputValue()).indexOf("7\n"),
  );
});

test("no script failed, and none did what it may not", () => {
  // A filter that is wrong is refused, which the browser tells, too.
  expect(browser.complaints.filter((text) => !text.includes("status of 400"))).toEqual([]);
});

import { expect, test } from "vitest";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { networkPolicy } from "#test/support/network-policy.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { pageAddress, picture, usePage } from "#test/support/use-page.ts";
import { usePods } from "#test/support/use-pods.ts";

const script = "<img src=x onerror=\"document.title='taken'\"><script>document.title='taken'</script>";
const policy = networkPolicy({ name: "closed", selects: { tier: "closed" }, ingress: [] });

const node = useNode({
  objects: { "closed.yaml": `# ${script}\n${policy}` },
  args: ["--ui-address", pageAddress, "--trace-interval", "0s"],
});
const pods = usePods(node, ["client", "closed"], {
  client: { labels: { app: script } },
  closed: { labels: { tier: "closed", note: "\u001b[31m</script><b>&amp;" } },
});
const browser = usePage(node);

prepare(() => expectTraffic(pods.client, pods.closed, 80, "silent"));

test("what is written in labels and policies is shown as it is written, and does nothing", async () => {
  const page = await browser.open();
  await page.locator("#flows tbody tr", { hasText: "denied" }).click();
  const detail = page.locator("#detail");
  await detail.locator("pre").waitFor();
  expect(await page.locator(".party title").allTextContents()).toContain(`default/${script}`);
  expect(await detail.innerText()).toContain(`k8s:app=${script}`);
  expect(await detail.innerText()).toContain("</script><b>&amp;");
  expect(await detail.locator("pre").innerText()).toContain(`# ${script}`);
  // The text of a policy is told by lines, its own among them.
  await page.getByRole("textbox", { name: "Text" }).fill("<IMG");
  await expect.poll(() => page.locator(".party").count()).toBe(2);
  await picture(page, "hostile");
  expect(await page.locator("img, b, main script").count()).toBe(0);
  expect(await page.title()).toBe("Weir on node");
  expect(browser.complaints).toEqual([]);
});

test("a link that is used up shows nothing, and says what to do", async () => {
  const stranger = await browser.open();
  await stranger.locator("#flows tbody tr").first().waitFor();
  await stranger.context().clearCookies();
  await stranger.goto(`http://${pageAddress}/#token=guessed`);
  await stranger.reload();
  await expect.poll(() => stranger.locator("#message").innerText()).toContain("ask for a new link: weir ui");
  expect(await stranger.locator("#flows tbody tr").count()).toBe(0);
});

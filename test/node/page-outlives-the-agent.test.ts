import { expect, test } from "vitest";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { pageAddress, usePage } from "#test/support/use-page.ts";
import { usePods } from "#test/support/use-pods.ts";

const args = ["--ui-address", pageAddress, "--trace-interval", "0s"];
const node = useNode({ args });
const pods = usePods(node, ["client", "server"]);
const browser = usePage(node);

prepare(() => expectTraffic(pods.client, pods.server, 80, "refused"));

test("a page says that its agent is gone, and asks for a new link when another is there", async () => {
  const page = await browser.open();
  await page.locator("#flows tbody tr").first().waitFor();
  const message = page.locator("#message");
  await node().agent.stop();
  await expect.poll(() => message.innerText()).toContain("looking for it again");
  expect(await page.locator("#state").innerText()).toBe("not connected");
  // What was seen can be read still.
  expect(await page.locator("#flows tbody tr").count()).toBeGreaterThan(0);
  await node().startAgent({ args });
  await expect.poll(() => message.innerText()).toContain("ask for a new link: weir ui");
  // Into the same window: it is not loaded anew.
  await page.goto((await node().client.pageLink()).url);
  await expectTraffic(pods.client, pods.server, 81, "refused");
  await page.locator("#flows tbody tr", { hasText: "TCP 81" }).first().waitFor();
  expect([page.url(), await message.isVisible()]).toEqual([`http://${pageAddress}/`, false]);
});

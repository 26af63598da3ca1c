import { expect, test } from "vitest";
import { runCommand } from "#agent/local/command.ts";
import { useNode } from "#test/support/use-node.ts";

const node = useNode();

test("unless it is asked for, no page is served and nothing listens on the network", async () => {
  const { code, stdout, stderr } = await node().weir("ui");
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toContain("this agent serves none; start it with --ui-address 127.0.0.1:9966");
  const listening = await runCommand(node().namespace.enter(["ss", "--listening", "--tcp", "--no-header"]));
  expect([listening.code, listening.stdout]).toEqual([0, ""]);
});

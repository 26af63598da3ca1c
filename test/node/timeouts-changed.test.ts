import { expect, test } from "vitest";
import type { BpfConnection } from "#agent/api/bpf-views.ts";
import type { StatusView } from "#agent/api/views.ts";
import { expectTraffic, targetOf } from "#test/support/expect-traffic.ts";
import { goesOn } from "#test/support/stream.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode();
const pods = usePods(node, ["server", "client"]);

prepare(async () => {
  for (const protocol of ["TCP", "UDP"] as const) await pods.server.traffic.serve(protocol, 80);
});

const programs = async (): Promise<string> => (await node().read<StatusView>("status")).datapath.programs;

test("an agent that is started with other timeouts puts them in force, and connections go on", async () => {
  await using stream = await pods.client.traffic.stream(targetOf(pods.server, 80));
  await goesOn(stream);
  const before = await programs();
  await node().agent.stop();
  await node().startAgent({ args: ["--conntrack-other-timeout", "1h30m"] });
  expect(await programs()).not.toBe(before);
  await expectTraffic(pods.client, pods.server, 80, "answered", { protocol: "UDP" });
  const connections = await node().read<BpfConnection[]>("bpf", "ct", "list");
  const [datagrams] = connections.filter(({ protocol }) => protocol === "UDP");
  expect(datagrams?.expiresIn).toBeGreaterThan(5_000);
  await goesOn(stream);
  expect((await stream.report()).ended).toBeNull();
});

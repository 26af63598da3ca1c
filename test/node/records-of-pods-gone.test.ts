import { join } from "node:path";
import { BpfMap, MapHandle } from "libbpf-ts";
import { expect, test } from "vitest";
import { endpointEntry, endpointKey } from "#agent/datapath/layouts.gen.ts";
import { toKey } from "#agent/datapath/kernel-endpoints.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode();
const pods = usePods(node, ["client", "server"]);

test("addresses of a pod that a killed agent had half removed are gone after its start, whoever has the pod's number now", async () => {
  const before = await node().client.bpf("endpoints");
  await node().agent.kill();
  using handle = MapHandle.openPinned(join(node().bpffs, "weir/maps/endpoints"));
  const map = new BpfMap(handle, endpointKey, endpointEntry);
  const living = map.get(toKey(pods.server.ipv4));
  if (living === undefined) throw new Error("the server has no record");
  // Both addresses of a pod whose interface has no record any more, and one of an earlier pod with the server's number.
  for (const address of ["10.77.0.77", "fd00:77::77"]) map.set(toKey(address), { ...living, id: 77, incarnation: 777 });
  map.set(toKey("fd00:77::78"), { ...living, incarnation: 778 });
  await node().startAgent();
  expect(await node().client.bpf("endpoints")).toEqual(before);
  await expectTraffic(pods.client, pods.server, 80, "refused");
});

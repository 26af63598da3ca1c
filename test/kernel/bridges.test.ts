import { BpfMap, u32 } from "libbpf-ts";
import { beforeEach, expect, test } from "vitest";
import { interfaceRecord } from "#agent/datapath/layouts.gen.ts";
import type { GuardedEndpoint } from "#agent/endpoint/guarded-endpoint.ts";
import { needs } from "#test/support/requirement.ts";
import { TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

test("the datapath knows a bridge as long as a pod is on it", async () => {
  using pods = new TwoPods({ elsewhere: true });
  using handle = pods.datapath.openMap("interfaces");
  const interfaces = new BpfMap(handle, u32, interfaceRecord);
  const known = () => [...interfaces.entries()].map(([index]) => index).sort();
  const on = (pod: GuardedEndpoint, bridge: number | null) => ({ ...pod, viaStack: true, chained: { bridge } });
  const { client, server, enforcement } = pods;

  await enforcement.add(on(client, 7));
  await enforcement.add(on(server, 7));
  expect(known()).toEqual([1002, 1003, 7]);
  enforcement.remove(client.id);
  expect(known()).toEqual([1003, 7]);
  await enforcement.add(on(server, 8));
  expect(known()).toEqual([1003, 8]);
  expect(pods.datapath.kernel.endpoints.read().get(server.id)?.chained).toEqual({ bridge: 8 });
  await enforcement.add(on(server, null));
  expect(known()).toEqual([1003]);
  enforcement.remove(server.id);
  expect(known()).toEqual([]);
});

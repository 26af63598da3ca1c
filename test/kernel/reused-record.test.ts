import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { BpfMap } from "libbpf-ts";
import { beforeEach, expect, test } from "vitest";
import { toEntry, toKey } from "#agent/datapath/kernel-endpoints.ts";
import { DropReason, endpointEntry, endpointKey } from "#agent/datapath/layouts.gen.ts";
import { settled } from "#agent/endpoint/guarded-endpoint.ts";
import { Action } from "#test/support/datapath.ts";
import { makeEndpoint } from "#test/support/enforcement.ts";
import { needs } from "#test/support/requirement.ts";
import { sized } from "#test/support/size.ts";
import { fromClient80, reasonOf, serverPolicy, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

const syn = { kind: "tcp", sport: 40_000, dport: 80, flags: ["SYN"] } as const;

/** What a program sees of an element that has become another address's since its look-up. */
function putRecordOf(pods: TwoPods, other: string, at: string): void {
  using handle = pods.datapath.openMap("endpoints");
  const endpoints = new BpfMap(handle, endpointKey, endpointEntry);
  const slot = pods.enforcement.views.slotOf(pods.client.id)?.slot as number;
  endpoints.set(toKey(at), toEntry(settled({ ...pods.client, id: 9, incarnation: 9 }, slot), other));
}

test.each([
  ["10.0.0.9", "10.0.0.3"],
  ["10.0.0.9", "10.0.0.2"],
  // The same sixteen bytes, of the other family.
  ["a00:3::", "10.0.0.3"],
])("a record of %s is not used for %s", async (other, at) => {
  using pods = await TwoPods.with(serverPolicy(fromClient80));
  expect(pods.toServer(syn).action).toBe(Action.redirect);
  putRecordOf(pods, other, at);
  const outcome = pods.toServer({ ...syn, sport: 40_001 });
  expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, DropReason.ENDPOINT_NOT_READY]);
});

test("while records are written again and again, nobody is judged as another pod", async () => {
  using pods = await TwoPods.with(serverPolicy("[]"));
  // Whom no policy selects: who is taken for it lets everybody in.
  const other = makeEndpoint(4, { ...pods.server.subject, labels: { app: "other" } }, 258);
  await pods.enforcement.add(other);
  using endpoints = pods.datapath.openMap("endpoints");
  const stop = new Int32Array(new SharedArrayBuffer(4));
  const writer = new Worker(new URL("record-writer.ts", import.meta.url), {
    workerData: { map: endpoints.info.id, addresses: ["10.0.0.3", "10.0.0.4"], stop },
  });
  const ended = once(writer, "exit");
  await once(writer, "online");
  const frame = (sport: number): Uint8Array =>
    pods.datapath.packet(pods.client, { source: "10.0.0.2", destination: "10.0.0.3", transport: { ...syn, sport } });
  pods.datapath.place(pods.client);
  const actions = new Map<number, number>();
  // What is allowed once is a connection: the last packet of a run tells of all.
  for (let run = 0; run < sized({ short: 20, long: 500 }); run++) {
    const { returnValue } = pods.datapath
      .program("pod_egress")
      .testRun({ data: frame(1024 + run), context: { ifindex: 1 }, repeat: 50_000 });
    actions.set(returnValue, (actions.get(returnValue) ?? 0) + 1);
  }
  Atomics.store(stop, 0, 1);
  expect(await ended).toEqual([0]);
  expect([...actions.keys()]).toEqual([Action.drop]);
}, 120_000);

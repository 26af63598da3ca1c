import { beforeEach, expect, test } from "vitest";
import { BpfMap, type MapHandle, u32 } from "libbpf-ts";
import { DropReason, type Limit, limit as limitRecord } from "#agent/datapath/layouts.gen.ts";
import { Action, type Outcome } from "#test/support/datapath.ts";
import type { TcpFlag, Transport } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { reasonOf, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

/** A policy of the client's egress or the server's ingress, with annotations; `line` moves its rule. */
function limited(end: "Egress" | "Ingress", annotations: string, line = 0): string {
  const app = end === "Egress" ? "client" : "server";
  return `${"# moved\n".repeat(line)}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: ${app}, namespace: default, annotations: {${annotations}}}
spec: {podSelector: {matchLabels: {app: ${app}}}, policyTypes: [${end}], ${end.toLowerCase()}: [{}]}`;
}

const connections = (count: number): string => `weir.io/connection-limit: '${count}'`;
const packet = (sport: number, ...flags: TcpFlag[]): Transport => ({ kind: "tcp", sport, dport: 80, flags });
const answer = (dport: number, ...flags: TcpFlag[]): Transport => ({ kind: "tcp", sport: 80, dport, flags });
const udp = (sport: number): Transport => ({ kind: "udp", sport, dport: 53 });
const dropped = (outcome: Outcome, reason: number): void =>
  expect([outcome.action, reasonOf(outcome)]).toEqual([Action.drop, reason]);
const open = (pods: TwoPods): number[] =>
  [...pods.datapath.kernel.limits.read().values()].map((record) => record.open).filter((count) => count > 0);

test("the limit of the sender's rule refuses as that of the receiver's does", async () => {
  using pods = await TwoPods.with(limited("Egress", connections(1)));
  expect(pods.toServer(packet(40_000, "SYN")).action).toBe(Action.redirect);
  dropped(pods.toServer(packet(40_001, "SYN")), DropReason.CONNECTION_LIMIT);
  pods.toServer(packet(40_000, "RST"));
  expect(pods.toServer(packet(40_001, "SYN")).action).toBe(Action.redirect);
});

test("a connection keeps the place of one end when the other end's rule has moved", async () => {
  const policy = (line: number): string =>
    `${limited("Ingress", connections(2))}\n---\n${limited("Egress", connections(3), line)}`;
  using pods = await TwoPods.with(policy(0));
  pods.toServer(packet(40_000, "SYN"));
  await pods.setPolicy(policy(1));
  expect(pods.toServer(packet(40_000, "ACK")).action).toBe(Action.redirect);
  expect(open(pods)).toEqual([1, 1]);
});

test("a connection without TCP's flags takes its place again when policy allows it again", async () => {
  using pods = await TwoPods.with(limited("Ingress", connections(1)));
  pods.toServer(udp(5000));
  await pods.setPolicy(limited("Ingress", connections(1)).replace("ingress: [{}]", "ingress: []"));
  dropped(pods.toServer(udp(5000)), DropReason.POLICY_DENIED);
  expect(open(pods)).toEqual([]);
  await pods.setPolicy(limited("Ingress", connections(1)));
  expect(pods.toServer(udp(5000)).action).toBe(Action.redirect);
  expect(open(pods)).toEqual([1]);
  dropped(pods.toServer(udp(5001)), DropReason.CONNECTION_LIMIT);
});

test("an answer to a handshake is no farewell of a connection that was reset: it needs a place", async () => {
  using pods = await TwoPods.with(limited("Ingress", connections(1)));
  pods.toServer(packet(40_000, "SYN"));
  pods.toServer(packet(40_000, "RST"));
  pods.toServer(packet(41_000, "SYN"));
  dropped(pods.toClient(answer(40_000, "SYN", "ACK")), DropReason.CONNECTION_LIMIT);
  expect(pods.toClient(answer(40_000, "RST")).action).toBe(Action.redirect);
});

test("nor is a later fragment: nobody sees whether it is one", async () => {
  using pods = await TwoPods.with(limited("Ingress", connections(1)));
  const ip = { source: "10.0.0.2", destination: "10.0.0.3", id: 9 };
  const send = (transport: Transport, fragment: number): Outcome =>
    pods.datapath.send(pods.client, pods.datapath.packet(pods.client, { ...ip, transport, fragment }));
  expect(send(packet(40_000, "SYN"), 0x2000).action).toBe(Action.redirect);
  pods.toServer(packet(40_000, "RST"));
  pods.toServer(packet(41_000, "SYN"));
  const rest: Transport = { kind: "raw", protocol: 6, payload: new Uint8Array(32) };
  dropped(send(rest, 8), DropReason.CONNECTION_LIMIT);
});

/** The one record of a limit, and the table that it is in. */
function onlyRecord(handle: MapHandle): { records: BpfMap<number, Limit>; reference: number; record: Limit } {
  const records = new BpfMap(handle, u32, limitRecord);
  const [[reference, record] = []] = [...records.entries()];
  if (reference === undefined || record === undefined) throw new Error("read limits: there is none");
  return { records, reference, record };
}

test("a rule whose limit has no record yet bounds nothing, and counts when it comes", async () => {
  using pods = await TwoPods.with(limited("Ingress", connections(1)));
  using handle = pods.datapath.openMap("limits");
  const { records, reference, record } = onlyRecord(handle);
  records.delete(reference);
  // No connection, so it is none that counts.
  expect(pods.toServer({ kind: "icmp", type: 13 }).action).toBe(Action.redirect);
  for (let i = 0; i < 3; i++) expect(pods.toServer(packet(40_000 + i, "SYN")).action).toBe(Action.redirect);
  records.set(reference, record);
  const { kernel } = pods.datapath;
  kernel.limits.recount((await kernel.connections.sweep(kernel.now())).limited);
  expect(open(pods)).toEqual([3]);
  dropped(pods.toServer(packet(41_000, "SYN")), DropReason.CONNECTION_LIMIT);
});

test("a slot of time that another CPU has already begun is the one that counts", async () => {
  using pods = await TwoPods.with(limited("Ingress", "weir.io/rate-limit: 5/s"));
  using handle = pods.datapath.openMap("limits");
  const { records, reference, record } = onlyRecord(handle);
  // As a CPU leaves it that has read the clock later than this one.
  const slot = (pods.datapath.kernel.now() + 3_600_000_000_000n) / 50_000_000n;
  const counts = new Uint32Array(32);
  const place = Number(slot % 32n);
  counts[place] = 4;
  records.set(reference, { ...record, slot, counts: { bytes: new Uint8Array(counts.buffer) } });
  expect(pods.toServer(packet(40_000, "SYN")).action).toBe(Action.redirect);
  dropped(pods.toServer(packet(40_001, "SYN")), DropReason.RATE_LIMITED);
  counts[place] = 5;
  expect(records.get(reference)).toMatchObject({ slot, counts: { bytes: new Uint8Array(counts.buffer) } });
});

import { beforeEach, expect, test } from "vitest";
import { copyEntries } from "libbpf-ts";
import { readOnlyMaps } from "#agent/datapath/kernel-rehearsal.ts";
import { DropReason, Verdict } from "#agent/datapath/layouts.gen.ts";
import type { Tuple } from "#agent/datapath/tuple.ts";
import { listed } from "#test/support/listed.ts";
import { Action, loopback } from "#test/support/datapath.ts";
import type { TcpFlag } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { fromClient80, serverPolicy, TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

const place = { ifindex: loopback, ingressIfindex: 0 };

function packetOf(
  pods: TwoPods,
  dport: number,
  flags: readonly TcpFlag[] = ["SYN"],
): { tuple: Tuple; frame: Uint8Array } {
  const { client, server } = pods;
  const [source, destination] = [client.ipv4 as string, server.ipv4 as string];
  const tuple = { family: 4, source, destination, sourcePort: 40_000, destinationPort: dport, protocol: 6 } as const;
  const transport = { kind: "tcp", sport: 40_000, dport, flags } as const;
  pods.datapath.place(client);
  return { tuple, frame: pods.datapath.packet(client, { source, destination, transport }) };
}

/** All that programs write, as bytes. */
function written(pods: TwoPods): Record<string, string> {
  const names = ["conntrack4", "conntrack6", "budgets", "limits", "fragments", "nat4", "nat6", "bandwidths", "scratch"];
  const perCpu = ["counters", "forwarded", "rule_hits", "events_lost"];
  return Object.fromEntries(
    [...names, ...readOnlyMaps.filter((name) => name !== "policy"), ...perCpu].map((name) => {
      using map = pods.datapath.openMap(name);
      return [
        name,
        perCpu.includes(name) || name === "scratch" ? "" : Buffer.from(copyEntries(map).values).toString("hex"),
      ];
    }),
  );
}

test("a packet that is rehearsed has the fate of a real one, and leaves no trace", async () => {
  using pods = await TwoPods.with(serverPolicy(fromClient80));
  const { kernel } = pods.datapath;
  const [allowed, denied] = [packetOf(pods, 80), packetOf(pods, 81)];
  const before = [written(pods), kernel.counters(), kernel.hits.read()];
  {
    using rehearsal = kernel.rehearse({ packet: allowed.tuple, limits: [], endpoints: [2, 3] });
    await rehearsal.load("pod_egress");
    expect(rehearsal.tag("pod_egress")).toBe(pods.datapath.program("pod_egress").info.tag);
    const run = rehearsal.run("pod_egress", allowed.frame, place);
    expect(run).toMatchObject({
      action: Action.redirect,
      drop: undefined,
      events: [{ reason: 0, end: [{}, { verdict: Verdict.ALLOW }] }],
    });
    expect(rehearsal.connection(allowed.tuple)).toMatchObject({ packets: [1n, 0n] });
    // The second packet of the same connection needs no policy any more.
    expect(rehearsal.run("pod_egress", allowed.frame, place)).toMatchObject({ action: Action.redirect, events: [] });
  }
  {
    using rehearsal = kernel.rehearse({ packet: denied.tuple, limits: [], endpoints: [2, 3] });
    await rehearsal.load("pod_egress");
    const run = rehearsal.run("pod_egress", denied.frame, place);
    const reason = DropReason.POLICY_DENIED;
    expect(run).toMatchObject({ action: Action.drop, drop: { reason }, events: [{ reason }] });
  }
  expect(pods.datapath.events()).toEqual([]);
  expect(await listed(kernel.connections)).toEqual([]);
  expect([written(pods), kernel.counters(), kernel.hits.read()]).toEqual(before);
});

test("it knows the connection of the packet that it is about", async () => {
  using pods = await TwoPods.with(serverPolicy(fromClient80));
  pods.toServer({ kind: "tcp", sport: 40_000, dport: 80, flags: ["SYN"] });
  const { tuple, frame } = packetOf(pods, 80, ["ACK"]);
  using rehearsal = pods.datapath.kernel.rehearse({ packet: tuple, limits: [], endpoints: [] });
  await rehearsal.load("pod_egress");
  expect(rehearsal.run("pod_egress", frame, place)).toMatchObject({ action: Action.redirect, events: [] });
  expect(rehearsal.connection(tuple)?.packets).toEqual([2n, 0n]);
  expect(pods.datapath.kernel.lookups.connection(tuple)?.packets).toEqual([1n, 0n]);
  expect(pods.datapath.kernel.lookups.connection(tuple)?.revision).toBe(pods.datapath.kernel.lookups.revision(tuple));
});

test("look-ups find what the programs find", async () => {
  using pods = await TwoPods.with(serverPolicy(fromClient80));
  const { lookups } = pods.datapath.kernel;
  expect(lookups.ipcache("10.0.0.2")).toEqual({ prefix: "10.0.0.2/32", identity: 256, addressClass: 0 });
  expect(lookups.ipcache("192.0.2.1")).toEqual({ prefix: null, identity: 2, addressClass: 0 });
  const server = lookups.endpoint("10.0.0.3");
  const slot = server?.policy[Number(lookups.generation() & 1n)] ?? 0;
  const ask = (port: number, identity = 256) =>
    lookups
      .policy({ slot, direction: 0, identity, addressClass: 0, protocol: 6, port })
      ?.map((found) => found?.entry.upper.verdict ?? null);
  expect([ask(80), ask(81), ask(80, 999)]).toEqual([
    [Verdict.ALLOW, null, null],
    [null, null, null],
    [null, null, null],
  ]);
  expect(lookups.policy({ slot: 4_000_000, direction: 0, identity: 1, addressClass: 0, protocol: 6, port: 1 })).toBe(
    undefined,
  );
});

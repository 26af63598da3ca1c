import { expect, test } from "vitest";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { Traffic } from "#agent/local/traffic.ts";
import { ChainedPod } from "#test/support/chained-pod.ts";
import { expectTraffic } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { Outside } from "#test/support/outside.ts";
import { ping } from "#test/support/ping.ts";
import { prepare, useNode } from "#test/support/use-node.ts";

/** Who made the pod's veth: our own CNI plugin, or one before it in the list. */
const kinds = ["own", "bridge", "ptp"] as const;
type Kind = (typeof kinds)[number];

const ports = [
  { protocol: "TCP", port: 80 },
  { protocol: "UDP", port: 80 },
] as const;
const node = useNode({
  objects: {
    "server.yaml": networkPolicy({
      name: "server",
      selects: { app: "server" },
      ingress: [{ from: [app("client")], ports }],
    }),
  },
});
const pods = { client: {}, intruder: {}, server: {} } as Record<"client" | "intruder" | "server", Record<Kind, LabPod>>;
let outside: Outside;

prepare(async () => {
  for (const name of ["client", "intruder", "server"] as const) {
    for (const by of kinds) {
      const options = { name: `${by}-${name}`, labels: { app: name } };
      pods[name][by] = by === "own" ? await node().addPod(options) : await ChainedPod.add(node(), { by, ...options });
    }
  }
  for (const { traffic } of Object.values(pods.server)) {
    for (const protocol of ["TCP", "UDP"] as const) for (const port of [80, 81]) await traffic.serve(protocol, port);
  }
  outside = await Outside.asDefaultRoute(node());
  await outside.traffic.serve("TCP", 80);
});

test.each(kinds.flatMap((from) => kinds.map((to) => [from, to] as const)))(
  "a pod of %s reaches one of %s as policy says",
  async (from, to) => {
    const { ipv4, ipv6 } = pods.server[to];
    const attempts = [ipv4, ipv6].flatMap((address) =>
      (["TCP", "UDP"] as const).flatMap((protocol) => [
        expectTraffic(pods.client[from], address, 80, "answered", { protocol }),
        expectTraffic(pods.client[from], address, 81, "silent", { protocol }),
        expectTraffic(pods.intruder[from], address, 80, "silent", { protocol }),
      ]),
    );
    await Promise.all(attempts);
  },
);

test.each(["bridge", "ptp"] as const)("a pod of %s and its node reach each other", async (by) => {
  const { client, server } = pods;
  for (const gateway of [client[by].gateway4, client[by].gateway6]) await ping(client[by], gateway);
  await using host = new Traffic(node().namespace, (pid) => node().lab.track(pid));
  for (const address of [server[by].ipv4, server[by].ipv6]) await expectTraffic(host, address, 81, "answered");
});

test.each(["bridge", "ptp"] as const)("a pod of %s is masqueraded by its own plugin, or by nobody", async (by) => {
  // The world has routes to all pods here.
  for (const address of [outside.ipv4, outside.ipv6]) {
    for (const kind of ["own", by] as const) await expectTraffic(pods.client[kind], address, 80, "answered");
  }
  const mapped = new Set((await node().client.bpf("nat")).map(({ source }) => source));
  const { own, [by]: chained } = pods.client;
  expect([...mapped]).toEqual(expect.arrayContaining([own.ipv4, own.ipv6]));
  expect([chained.ipv4, chained.ipv6].filter((address) => mapped.has(address))).toEqual([]);
});

test("what the kernel holds of chained pods is what policy says", async () => {
  expect(await node().weir("policy", "verify")).toMatchObject({ code: 0 });
});

test("no packet of theirs is dropped but by policy", async () => {
  const reasons = new Set((await node().client.bpf("counters")).map(({ reason }) => reason));
  expect([...reasons].sort()).toEqual(["FORBIDDEN_ICMPV6_MESSAGE", "FORWARDED", "MULTICAST_HANDLED", "POLICY_DENIED"]);
});

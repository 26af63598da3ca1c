import { expect, test } from "vitest";
import { mustRunNow } from "#agent/local/command.ts";
import { Traffic } from "#agent/local/traffic.ts";
import { targetOf } from "#test/support/expect-traffic.ts";
import { ciliumPolicy, endpointSlice, nodeObject, together } from "#test/support/object-text.ts";
import { Outside } from "#test/support/outside.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

/** Addresses of machines behind the node, that objects give to other nodes and to the API server. */
const networks = { world: 2, server: 3, node: 4, control: 5, stray: 6 } as const;
/** In the range of pods, and no pod's. */
const strayAddress = "10.77.0.200";

const node = useNode({
  objects: {
    "cluster.yaml": together(
      nodeObject("n2", ["192.0.4.2"]),
      nodeObject("control", ["192.0.5.2"]),
      endpointSlice("kubernetes", ["192.0.3.2", "192.0.5.2"]),
    ),
  },
});
const pods = usePods(node, ["self", "pod"]);

interface Peer {
  readonly traffic: Traffic;
  /** Its own. */
  readonly address: string;
  /** Of the pod `self`, in the same family. */
  readonly self: string;
}

const peers: Record<string, Peer> = {};

prepare(async () => {
  const outside = (name: keyof typeof networks): Outside => new Outside(node(), networks[name]);
  const host = node().lab.use(new Traffic(node().namespace, (pid) => node().lab.track(pid)));
  const { ipv4, ipv6 } = pods.self;
  const add = (name: string, traffic: Traffic, address: string): void => {
    peers[name] = { traffic, address, self: address.includes(":") ? ipv6 : ipv4 };
  };
  add("pod", pods.pod.traffic, pods.pod.ipv4);
  add("host", host, pods.self.gateway4);
  const world = outside("world");
  add("world4", world.traffic, world.ipv4);
  add("world6", world.traffic, world.ipv6);
  for (const name of ["server", "node", "control"] as const) {
    const { traffic, ipv4: address } = outside(name);
    add(name, traffic, address);
  }
  const stray = outside("stray");
  mustRunNow(stray.namespace.enter(["ip", "address", "add", `${strayAddress}/32`, "dev", "node"]));
  mustRunNow(stray.namespace.enter(["ip", "route", "replace", "default", "via", stray.node4, "src", strayAddress]));
  mustRunNow(node().namespace.enter(["ip", "route", "add", `${strayAddress}/32`, "via", stray.ipv4]));
  add("stray", stray.traffic, strayAddress);
  const servers = new Set([pods.self.traffic, ...Object.values(peers).map(({ traffic }) => traffic)]);
  await Promise.all([...servers].map((traffic) => traffic.serve("TCP", 80)));
});

interface Reached {
  readonly egress: readonly string[];
  readonly ingress: readonly string[];
}

/** Whom the pod reaches, and who reaches the pod. Waits long for those that are expected, and only a little for others. */
async function reached(expected: Reached): Promise<Reached> {
  const answered = async (direction: keyof Reached, name: string, from: Traffic, to: string): Promise<string[]> => {
    const timeout = expected[direction].includes(name) ? 5000 : 400;
    return (await from.attempt(targetOf(to, 80), { timeout })) === "answered" ? [name] : [];
  };
  const all = Object.entries(peers);
  const egress = all.map(([name, { address }]) => answered("egress", name, pods.self.traffic, address));
  const ingress = all.map(([name, { traffic, self }]) => answered("ingress", name, traffic, self));
  return {
    egress: (await Promise.all(egress)).flat().sort(),
    ingress: (await Promise.all(ingress)).flat().sort(),
  };
}

/** The node reaches its own pods whatever their policy says. */
function expectedOf(names: readonly string[]): Reached {
  return { egress: names.toSorted(), ingress: [...new Set([...names, "host"])].sort() };
}

const everybody = ["control", "host", "node", "pod", "server", "stray", "world4", "world6"];

test.for<[string, readonly string[]]>([
  ["all", everybody],
  ["none", []],
  // An API server outside of the cluster is also a part of the world.
  ["world", ["world4", "world6", "server"]],
  ["world-ipv4", ["world4", "server"]],
  ["world-ipv6", ["world6"]],
  ["cluster", ["pod", "host", "node", "control", "server", "stray"]],
  ["host", ["host"]],
  ["remote-node", ["node", "control"]],
  ["kube-apiserver", ["server", "control"]],
  ["unmanaged", ["stray"]],
  // Nobody here.
  ["health", []],
  ["ingress", []],
  ["init", []],
])("%s: allowed, and denied among all", async ([entity, names]) => {
  await node().changeObjects(
    "self.yaml",
    ciliumPolicy("self", { egress: [{ toEntities: [entity] }], ingress: [{ fromEntities: [entity] }] }),
  );
  expect(await reached(expectedOf(names))).toEqual(expectedOf(names));
  await node().changeObjects(
    "self.yaml",
    ciliumPolicy("self", {
      egress: [{ toEntities: ["all"] }],
      egressDeny: [{ toEntities: [entity] }],
      ingress: [{ fromEntities: ["all"] }],
      ingressDeny: [{ fromEntities: [entity] }],
    }),
  );
  const others = expectedOf(everybody.filter((name) => !names.includes(name)));
  expect(await reached(others)).toEqual(others);
});

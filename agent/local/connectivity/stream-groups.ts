/** Scenarios about connections that last. */
import type { Flow } from "#agent/api/flow.ts";
import { mustRun } from "#agent/local/command.ts";
import { portsOf } from "#agent/local/flow-log.ts";
import type { Transport } from "#agent/local/traffic-protocol.ts";
import type { Stream } from "#agent/local/traffic.ts";
import { until } from "#agent/local/until.ts";
import { makeAttempt, patience } from "./attempt.ts";
import { narrowMtu } from "./beyond.ts";
import { networkPolicy, pods } from "./objects.ts";
import type { Family, Group, Scenario, Seen } from "./scenario.ts";
import { allowedBy, deniedByDefault, verdictText, deciderText } from "./verdict-text.ts";
import type { World } from "./world.ts";

const families: readonly Family[] = [4, 6];

async function goesOn({ signal }: World, stream: Stream, more: number): Promise<void> {
  const { received } = await stream.report();
  await until("the stream to go on", async () => (await stream.report()).received >= received + more, {
    within: 4 * patience,
    every: 10,
    signal,
  });
}

/** Many bytes in one connection, or datagrams that no packet holds. */
function large(protocol: Transport, family: Family, size: number): Scenario {
  const name = `client to server, ${protocol} 80, IPv${family}, messages of ${size} bytes`;
  return {
    name,
    sends: `${name}, 20 of them and their echoes`,
    expected: "all echoed",
    family,
    run: async (world) => {
      const target = { protocol, address: world.address("server", family), port: 80 };
      await using stream = await world.traffic("client").stream(target, { size });
      await goesOn(world, stream, 20);
      return { seen: "all echoed", rule: null };
    },
  };
}

/** The node's link to the machine is narrower than pods believe: the node says so, and the connection goes on. */
function pathMtu(family: Family): Scenario {
  const expected = `all echoed, path MTU ${narrowMtu}`;
  return {
    name: `client to outside, TCP 80, IPv${family}, by a narrower link`,
    sends: `20 messages of 200000 bytes by a link with an MTU of ${narrowMtu}`,
    expected,
    family,
    run: async (world) => {
      const address = world.address("outside", family);
      await using stream = await world
        .traffic("client")
        .stream({ protocol: "TCP", address, port: 80 }, { size: 200_000 });
      await goesOn(world, stream, 20);
      const route = await mustRun(world.namespace("client").enter(["ip", "route", "get", address]));
      const mtu = /\bmtu (\d+)/.exec(route)?.[1];
      return { seen: `all echoed, path MTU ${mtu ?? "not learned"}`, rule: null };
    },
  };
}

const connections = 200;

const manyConnections: Scenario = {
  name: `client to server, TCP 80, IPv4, ${connections} connections at once`,
  sends: `${connections} connections at once`,
  expected: `${connections} answered`,
  family: 4,
  run: async (world) => {
    const target = { protocol: "TCP", address: world.address("server", 4), port: 80 } as const;
    const attempts = Array.from({ length: connections }, () =>
      world.traffic("client").attempt(target, { timeout: 2 * patience }),
    );
    const outcomes = await Promise.all(attempts);
    return { seen: `${outcomes.filter((outcome) => outcome === "answered").length} answered`, rule: null };
  },
};

/** A policy that comes, and goes, while a connection lasts. */
function cut(protocol: Transport, family: Family, by: "ingress" | "egress"): Scenario {
  const isolating = by === "ingress" ? "NetworkPolicy server" : "NetworkPolicy client";
  const expected = `cut, ${deniedByDefault(by, isolating)}; goes on when the policy is gone`;
  return {
    name: `client to server, ${protocol} 80, IPv${family}, cut by ${by} policy`,
    sends: `a stream; meanwhile a policy denies it, and is removed`,
    expected,
    family,
    run: async (world) => {
      const target = { protocol, address: world.address("server", family), port: 80 };
      const sourcePort = world.nextPort();
      await using stream = await world.traffic("client").stream(target, { sourcePort });
      await using other = await world.traffic("other").stream(target);
      await goesOn(world, stream, 20);
      const after = world.log.mark;
      const policy =
        by === "ingress"
          ? networkPolicy(world.names, "server", { ingress: [{ from: [pods("other")] }] })
          : networkPolicy(world.names, "client", { egress: [{ to: [pods("second")] }] });
      const applied = await world.objects.apply([policy]);
      // What had arrived by then may not have been read.
      const { received } = await stream.report();
      const { seen, rule } = await dropOf(world, sourcePort, after);
      await goesOn(world, other, 50);
      const more = (await stream.report()).received - received;
      await applied[Symbol.asyncDispose]();
      if (more > 1) return { seen: `${more} messages came in spite of the policy; ${seen}`, rule };
      await goesOn(world, stream, 20);
      return { seen: `cut, ${seen}; goes on when the policy is gone`, rule };
    },
  };
}

async function dropOf({ log, names }: World, sourcePort: number, after: number): Promise<Seen> {
  const isDrop = (flow: Flow): boolean => {
    const ports = portsOf(flow);
    return flow.verdict === "DROPPED" && (ports?.source === sourcePort || ports?.destination === sourcePort);
  };
  const flow = await log.first(isDrop, { after, within: patience });
  if (flow === undefined) return { seen: "no flow tells of a drop", rule: null };
  return { seen: verdictText(flow, names.prefix), rule: deciderText(flow, names.prefix) };
}

/** A pod that goes, and another one that comes with its address and other labels. */
const sameAddress: Scenario = {
  name: "late to server, TCP 80, IPv4, from the address that early had",
  sends: "a connection of an allowed pod; one of the next pod on its address",
  expected: `${allowedBy("NetworkPolicy server ingress[0]")}; the next: ${deniedByDefault("ingress", "NetworkPolicy server")}`,
  family: 4,
  run: async (world) => {
    await using _policy = await world.objects.apply([
      networkPolicy(world.names, "server", { ingress: [{ from: [pods("early")] }] }),
    ]);
    const spec = { to: "server", protocol: "TCP", port: 80, family: 4 } as const;
    let address: string;
    let first: Seen;
    {
      await using early = await world.addPod("early");
      address = early.ipv4;
      first = await makeAttempt(world, { ...spec, from: "early" });
    }
    await using late = await world.addPod("late", { runtimeConfig: { ips: [address] } });
    if (late.ipv4 !== address) return { seen: `the next pod has ${late.ipv4}, not ${address}`, rule: null };
    const { seen, rule } = await makeAttempt(world, { ...spec, from: "late" });
    return { seen: `${first.seen}; the next: ${seen}`, rule };
  },
};

/** Pods are in the world who the node is. */
function masquerade(family: Family): Scenario {
  return {
    name: `client to outside, UDP 53, IPv${family}, under the node's address`,
    sends: "a datagram to the world, on a node that masquerades",
    expected: `${allowedBy()}; as the node`,
    family,
    run: async (world) => {
      const { seen, rule } = await makeAttempt(world, {
        from: "client",
        to: "outside",
        protocol: "UDP",
        port: 53,
        family,
      });
      const source = world.address("client", family);
      const mappings = (await world.client.bpf("nat")).filter((one) => one.source === source);
      const isNode = mappings.some(({ translated }) => translated === world.address("node", family));
      return { seen: `${seen}; ${isNode ? "as the node" : "not masqueraded"}`, rule };
    },
  };
}

/** Nothing is enforced, and flows say what would be. */
const auditOnly: Scenario = {
  name: "client to server, TCP 80, IPv4, denied, but nothing is enforced",
  sends: "a connection that a policy denies, while the agent has audit switched on",
  expected: "allowed, audit only",
  family: 4,
  run: async (world) => {
    await using _policy = await world.objects.apply([networkPolicy(world.names, "server", { ingress: [] })]);
    await world.client.changeConfig({ audit: "true" });
    try {
      return await makeAttempt(world, { from: "client", to: "server", protocol: "TCP", port: 80, family: 4 });
    } finally {
      await world.client.changeConfig({ audit: null });
    }
  },
};

/** A pod that no policy selects may do nothing then. */
const enforcedAlways: Scenario = {
  name: "client to server, TCP 80, IPv4, without a policy, enforcement always",
  sends: "a connection that no policy speaks of, while the agent's enforcement is always",
  expected: deniedByDefault("egress"),
  family: 4,
  run: async (world) => {
    await world.client.changeConfig({ enforcement: "always" });
    try {
      return await makeAttempt(world, { from: "client", to: "server", protocol: "TCP", port: 80, family: 4 });
    } finally {
      await world.client.changeConfig({ enforcement: null });
    }
  },
};

export const streamGroups: readonly Group[] = [
  {
    name: "large",
    objects: () => [],
    scenarios: [
      ...families.map((family) => large("TCP", family, 200_000)),
      ...families.map((family) => large("UDP", family, 8000)),
      ...families.map(pathMtu),
      manyConnections,
    ],
  },
  {
    name: "changes",
    objects: () => [],
    oneByOne: true,
    scenarios: [
      cut("TCP", 4, "ingress"),
      cut("TCP", 6, "egress"),
      cut("UDP", 4, "egress"),
      cut("UDP", 6, "ingress"),
      sameAddress,
    ],
  },
  { name: "masquerade", objects: () => [], ownNode: true, scenarios: families.map(masquerade) },
  { name: "modes", objects: () => [], oneByOne: true, ownNode: true, scenarios: [auditOnly, enforcedAlways] },
];

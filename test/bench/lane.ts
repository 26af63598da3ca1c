/**
 * Two ways between two network namespaces of this machine: through a namespace that
 * merely routes, and between two pods of a node with policy in force.
 */
import { LabNode } from "#agent/local/lab-node.ts";
import type { Lab } from "#agent/local/lab.ts";
import { mustRun } from "#agent/local/command.ts";
import type { NetworkNamespace } from "#agent/local/network-namespace.ts";
import { ExchangeProcess } from "./exchange-process.ts";
import type { ExchangeKind, Expense } from "./exchange.ts";
import { lanePolicies, lanePort, manyAddresses } from "./lane-policies.ts";

/** A client and a server that talk with each other. */
export interface Lane {
  /** Runs so many exchanges. */
  run(kind: ExchangeKind, count: number): Promise<{ client: Expense; server: Expense }>;
}

interface Ends {
  readonly client: NetworkNamespace;
  readonly server: NetworkNamespace;
  /** IPv4 address of the server. */
  readonly address: string;
}

/**
 * What would add to both ways alike, or make one way stand in the other's: pacing with
 * timers (BBR), and ports that run out while closed connections linger.
 */
const endSettings = {
  "net/ipv4/tcp_congestion_control": "reno",
  "net/ipv4/tcp_tw_reuse": "1",
  "net/ipv4/ip_local_port_range": "1024 65535",
};

async function setSysctls(namespace: NetworkNamespace, settings: Readonly<Record<string, string>>): Promise<void> {
  const script = Object.entries(settings).map(([path, value]) => `echo '${value}' > /proc/sys/${path}`);
  await mustRun(namespace.enter(["sh", "-ec", script.join("\n")]));
}

async function startLane(lab: Lab, cpu: number, { client, server, address }: Ends): Promise<Lane> {
  for (const end of [client, server]) await setSysctls(end, endSettings);
  const port = String(lanePort);
  const serving = await ExchangeProcess.start(lab, server, cpu, ["server", port]);
  const asking = await ExchangeProcess.start(lab, client, cpu, ["client", port, address]);
  return {
    run: async (kind, count) => {
      const [ofServer, ofClient] = await Promise.all([serving.run(kind, count), asking.run(kind, count)]);
      return { client: ofClient, server: ofServer };
    },
  };
}

/** The same veth pairs, addresses and routes as pods have, and nothing else. */
export async function plainLane(lab: Lab, cpu: number): Promise<Lane> {
  const router = lab.namespace("router");
  const gateway = "10.79.0.1";
  const ends = {
    client: { namespace: lab.namespace("plain-client"), address: "10.79.0.2", device: "client0" },
    server: { namespace: lab.namespace("plain-server"), address: "10.79.0.3", device: "server0" },
  };
  await setSysctls(router, { "net/ipv4/ip_forward": "1", "net/ipv4/conf/all/rp_filter": "0" });
  for (const { namespace, address, device } of Object.values(ends)) {
    const inEnd = async (...args: string[]) => mustRun(["ip", "-n", namespace.name, ...args]);
    const inRouter = async (...args: string[]) => mustRun(["ip", "-n", router.name, ...args]);
    await inRouter("link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", namespace.name);
    const mac = /link\/ether (\S+)/.exec(await inEnd("link", "show", "dev", "eth0"))?.[1] ?? "";
    await setSysctls(router, {
      [`net/ipv4/conf/${device}/rp_filter`]: "0",
      [`net/ipv4/conf/${device}/send_redirects`]: "0",
    });
    await inRouter("link", "set", device, "up");
    await inRouter("address", "add", `${gateway}/32`, "dev", device);
    await inRouter("neighbour", "replace", address, "lladdr", mac, "dev", device, "nud", "permanent");
    await inRouter("route", "add", `${address}/32`, "dev", device);
    await inEnd("link", "set", "eth0", "up");
    await inEnd("address", "add", `${address}/32`, "dev", "eth0");
    await inEnd("route", "add", `${gateway}/32`, "dev", "eth0", "scope", "link");
    await inEnd("route", "add", "default", "via", gateway, "dev", "eth0");
  }
  const { client, server } = ends;
  return startLane(lab, cpu, { client: client.namespace, server: server.namespace, address: server.address });
}

/** Two pods of a node with a real agent, each end's policy in force. */
export interface PodLane extends Lane {
  readonly node: LabNode;
  /** Brings so many entries more into force, in the egress of the client and the ingress of the server each. */
  addEntries(count: number): Promise<void>;
}

/** @param others CPUs for the agent, as `taskset` lists them: what it does with events is not the packets' expense. */
export async function podLane(lab: Lab, cpu: number, others: string): Promise<PodLane> {
  const node = LabNode.create(lab, { name: "bench", podCidr: "10.78.0.0/24" });
  node.writeObjects("bench.json", JSON.stringify(lanePolicies));
  await node.startAgent();
  await mustRun(["taskset", "-a", "-c", "-p", others, String(node.agent.pid)]);
  const add = async (name: string) => node.addPod({ namespace: "bench", name, labels: { app: name } });
  const client = await add("client");
  const server = await add("server");
  const ends = { client: client.namespace, server: server.namespace, address: server.ipv4 };
  const lane = await startLane(lab, cpu, ends);
  return {
    ...lane,
    node,
    addEntries: async (count) => {
      await node.changeObjects("many.json", JSON.stringify(manyAddresses(count)));
      const entries = await node.read<unknown[]>("bpf", "policy", "list");
      if (entries.length < 2 * count) throw new Error(`bench: ${entries.length} policy entries, not ${2 * count}`);
    },
  };
}

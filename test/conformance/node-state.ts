/** All that attachments leave on a node, to be compared: before and after have to be equal. */
import { type Dirent, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { mustRun } from "#agent/local/command.ts";
import { LabError } from "#agent/local/errors.ts";
import type { LabNode } from "#agent/local/lab-node.ts";
import { until } from "#agent/local/until.ts";

/** Lines and entries by where they come from, each list sorted. */
export type NodeState = Readonly<Record<string, readonly string[]>>;

/** What the kernel tells of the node's namespace. */
const kernelCommands = {
  links: "ip -o link",
  addresses: "ip -o addr",
  routes: "ip route show table all; ip -6 route show table all",
  rules: "ip rule; ip -6 rule",
  neighbours: "ip neigh show nud permanent; ip -6 neigh show nud permanent",
  sysctls: "cd /proc/sys/net && grep -rs '' ipv4/conf ipv6/conf ipv4/ip_forward || true",
} as const;

/** Reads it all through the outside: `ip`, /proc, the agent's listings, the files of its folders. */
async function readState(node: LabNode): Promise<NodeState> {
  const { client } = node;
  const status = await client.status();
  const listings = {
    endpoints: await client.endpoints(),
    identities: await client.identities(),
    // The endpoints of a slot are in the order in which the agent came to know them.
    "bpf policy": (await client.bpf("policy")).map((entry) => ({ ...entry, endpoints: entry.endpoints.toSorted() })),
    "bpf endpoints": await client.bpf("endpoints"),
    // The node's own link-local addresses come and go with other plugins' devices, and are followed a moment later.
    "bpf ipcache": (await client.bpf("ipcache")).filter(({ prefix }) => !prefix.startsWith("fe80:")),
    "bpf bandwidth": await client.bpf("bandwidth"),
    // How full the maps are that traffic alone does not fill.
    maps: status.maps.filter(({ name }) => /endpoints|interfaces|^policy|limits/.test(name)),
    problems: status.problems,
  };
  const kernel = await Promise.all(
    Object.entries(kernelCommands).map(async ([name, command]) => {
      const text = await mustRun(node.namespace.enter(["sh", "-c", command]));
      return [
        name,
        text
          .split("\n")
          .filter((line) => line !== "")
          .toSorted(),
      ] as const;
    }),
  );
  const entries = Object.entries(listings).map(([name, list]) => [
    name,
    list.map((entry) => JSON.stringify(entry)).toSorted(),
  ]);
  const [, links = []] = kernel.find(([name]) => name === "links") ?? [];
  const files = ["run", "state", "bpf"].map((name) => [`files in ${name}`, filesIn(join(node.folder, name), links)]);
  const records = ["stored endpoints", readAll(join(node.folder, "state/endpoints"))];
  return Object.fromEntries([...kernel, ...entries, ...files, records]) as NodeState;
}

/**
 * Empty folders are nobody's trace. The programs of another plugin's interface are unpinned by the agent's
 * sweep, half a minute after that plugin has removed it.
 */
function filesIn(folder: string, links: readonly string[]): string[] {
  const isOfGone = ({ parentPath, name }: Dirent) =>
    parentPath.endsWith("/chained-links") &&
    !links.some((line) => line.includes(` ${name.replace(/-(in|e)gress$/, "")}@`));
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && !isOfGone(entry))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

/** The state when all that follows an ADD is through: programs are pinned, and addresses found to be nobody else's, a moment later. */
export async function nodeState(node: LabNode): Promise<NodeState> {
  const endpoints = await node.client.endpoints();
  const isPinned = ({ hostInterface }: { readonly hostInterface: string }) =>
    ["links", "chained-links"].some((name) =>
      ["ingress", "egress"].every((way) => existsSync(join(node.bpffs, "weir", name, `${hostInterface}-${way}`))),
    );
  await until("the programs of all endpoints", () => endpoints.every(isPinned));
  return until("addresses to be no more tentative", async () => {
    const state = await readState(node);
    return state["addresses"]?.some((line) => line.includes("tentative")) ? false : state;
  });
}

function readAll(folder: string): string[] {
  return readdirSync(folder)
    .toSorted()
    .map((name) => `${name}: ${readFileSync(join(folder, name), "utf8")}`);
}

/** Waits until the node is as it was; what the agent mends by itself takes a moment. */
export async function expectState(node: LabNode, before: NodeState, what: string): Promise<void> {
  let now: NodeState = {};
  const same = async () => {
    now = await readState(node);
    return JSON.stringify(now) === JSON.stringify(before);
  };
  try {
    await until(`the node to be as it was before ${what}`, same, { within: 10_000 });
  } catch (error) {
    if (!(error instanceof LabError)) throw error;
    expect(now, `the node after ${what}`).toEqual(before);
    throw error;
  }
}

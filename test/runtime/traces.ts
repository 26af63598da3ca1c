import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { mustRun, runCommand } from "#agent/local/command.ts";
import { LabError } from "#agent/local/errors.ts";
import type { LabNode } from "#agent/local/lab-node.ts";
import { until } from "#agent/local/until.ts";
import { reservedIdentities } from "#policy/model/reserved.ts";
import { pinnedLinks } from "#test/support/pins.ts";

/** Of no attachment: how often rules were used; what is kept for the next pod until a sweep. */
const otherMaps = new Set(["rule_hits", "policy", "policy_slot"]);

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

/** What attachments leave on a node: devices, routes, map entries, records, addresses, files of runtimes. */
export async function tracesOn(node: LabNode): Promise<object> {
  const { client } = node;
  // A device is known to be down, and a link-local address to be nobody else's, a moment later.
  const ip = async (...args: string[]) =>
    (await mustRun(node.enter(["ip", ...args])))
      .split("\n")
      .filter((line) => !line.includes("fe80:"))
      .map((line) => line.replace(/ (linkdown|dead) /, " "));
  const devices = JSON.parse(await mustRun(node.enter(["ip", "-json", "link"]))) as { ifname: string }[];
  const namesIn = async (folder: string) => (await runCommand(node.enter(["ls", folder]))).stdout;
  const status = await client.status();
  return {
    devices: devices.map(({ ifname }) => ifname),
    addresses: await ip("-o", "address"),
    routes: [await ip("-4", "route", "show", "table", "all"), await ip("-6", "route", "show", "table", "all")],
    rules: [await ip("-4", "rule"), await ip("-6", "rule")],
    neighbours: await ip("neigh", "show", "nud", "permanent"),
    pools: status.ipam.ranges.map(({ cidr, used }) => [cidr, used]),
    endpoints: [status.endpoints, await client.endpoints()],
    maps: status.maps.filter(({ name }) => !otherMaps.has(name) && name !== "ipcache"),
    // The node's own addresses follow its devices, a moment later.
    ipcache: (await client.bpf("ipcache")).filter(({ identity }) => identity !== reservedIdentities.host),
    entries: [await client.bpf("endpoints"), await client.bpf("conntrack"), await client.bpf("bandwidth")],
    programs: pinnedLinks(node),
    problems: status.problems,
    // All but one that is there from the first pod on: which numbers are not to be used again.
    records: ["run", "state"]
      .flatMap((name) => filesIn(join(node.folder, name)))
      .filter((path) => !path.endsWith("/incarnations.json")),
    namespaces: await namesIn("/run/netns"),
    results: await namesIn("/var/lib/cni/results"),
  };
}

/** Expects that nothing is left of what came after `before`. Some of it goes a moment after DEL. */
export async function expectOnly(before: object, node: LabNode): Promise<void> {
  const wanted = JSON.stringify(before);
  try {
    await until("the traces to go", async () => JSON.stringify(await tracesOn(node)) === wanted, { within: 10_000 });
  } catch (error) {
    if (!(error instanceof LabError && error.code === "timed-out")) throw error;
    // The same once more, to show what is left.
    expect(await tracesOn(node)).toEqual(before);
    throw error;
  }
}

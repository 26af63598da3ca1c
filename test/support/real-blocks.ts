import type { MatrixCase } from "./network-policy-matrix-cases.ts";
import type { World } from "./reachability-world.ts";

/** Whether a case has a named port towards a block, which the datapath opens to no pod: `policy eval` notes it. */
export function namesPortOfBlock({ policies }: MatrixCase): boolean {
  return policies.some(({ rules: { egress = [] } }) =>
    egress.some(({ peer, port }) => {
      return (
        JSON.stringify(peer.peers ?? []).includes("ipBlock") && JSON.stringify(port.ports ?? []).includes("serve-")
      );
    }),
  );
}

/** Blocks of addresses in the cases, and others of the node that have some pods, too. */
export function realBlocks(text: string, world: World): string {
  const blocks: Record<string, string> = {
    "10.4.0.0/16": "10.5.0.0/24",
    "10.4.1.0/24": "10.5.0.4/30",
    "10.4.2.0/24": "10.5.0.8/29",
    "10.4.2.0/31": "10.5.0.8/30",
    "10.4.0.2/32": `${world.get("x/b")?.ipv4}/32`,
    "10.4.2.1/32": `${world.get("z/a")?.ipv4}/32`,
    "10.4.2.3/32": `${world.get("z/c")?.ipv4}/32`,
    "fd00::/8": "fd00:5::4/126",
  };
  return Object.entries(blocks).reduce((result, [from, to]) => result.replaceAll(from, to), text);
}

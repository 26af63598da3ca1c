import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { MapHandle, TcxLink } from "libbpf-ts";
import type { LabNode } from "#agent/local/lab-node.ts";
import { until } from "#agent/local/until.ts";

type Links = Record<string, { link: number; program: number }>;

/** The pinned tcx links of a node: number of the link and of its program, by name. */
export function pinnedLinks(node: LabNode): Links {
  const folder = join(node.bpffs, "weir/links");
  if (!existsSync(folder)) return {};
  return Object.fromEntries(
    readdirSync(folder)
      .toSorted()
      .map((name) => {
        using link = TcxLink.openPinned(join(folder, name));
        return [name, { link: link.info.id, program: link.info.programId }];
      }),
  );
}

/** The same when every endpoint has its two links: a new one gets them a moment after ADD. */
export async function settledLinks(node: LabNode): Promise<Links> {
  const endpoints = await node.client.endpoints();
  return until("the links of all endpoints", () => {
    const links = pinnedLinks(node);
    return Object.keys(links).length === 2 * endpoints.length && links;
  });
}

/** The kernel's numbers of a node's pinned maps, by name. */
export function pinnedMaps(node: LabNode): Record<string, number> {
  const folder = join(node.bpffs, "weir/maps");
  return Object.fromEntries(
    readdirSync(folder).map((name) => {
      using map = MapHandle.openPinned(join(folder, name));
      return [name, map.info.id];
    }),
  );
}

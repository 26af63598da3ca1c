import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { TcxLink } from "libbpf-ts";
import type { LabNode } from "#agent/local/lab-node.ts";

/** The pinned tcx links of a node: number of the link and of its program, by name. */
export function pinnedLinks(node: LabNode): Record<string, { link: number; program: number }> {
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

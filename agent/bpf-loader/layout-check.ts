import { Btf, type BtfMember } from "libbpf-ts";
import { LoaderError } from "./errors.ts";
import type { Layouts } from "./spec.ts";

/** Members by name; those of an anonymous union count as the structure's own. */
function find(members: readonly BtfMember[], name: string): BtfMember | undefined {
  for (const member of members) {
    if (member.name === name) return member;
    if (member.name !== "" || (member.type.kind !== "union" && member.type.kind !== "struct")) continue;
    const inner = find(member.type.members, name);
    if (inner) return { ...inner, offset: inner.offset + member.offset };
  }
  return undefined;
}

/**
 * Compares the layouts that user space was generated from with the object's BTF.
 *
 * @throws LoaderError `layout-differs`: the object and the agent are of different builds.
 */
export function checkLayouts(object: Uint8Array, layouts: Layouts): void {
  const btf = Btf.fromElf(object);
  for (const [name, layout] of Object.entries(layouts)) {
    const struct = btf.struct(name);
    if (!struct) continue; // not used by this object
    const differences: string[] = struct.size === layout.size ? [] : [`its size is ${struct.size}, not ${layout.size}`];
    for (const [member, [offset, size]] of Object.entries(layout.members)) {
      const found = find(struct.members, member);
      if (found?.offset === offset && found.type.size === size) continue;
      differences.push(`${member} is ${found ? `at ${found.offset}, ${found.type.size} bytes` : "missing"}`);
    }
    if (differences.length === 0) continue;
    throw new LoaderError(
      "layout-differs",
      `load datapath: struct ${name} is not what this agent was built for (${differences.join("; ")}); run npm run gen and build again`,
    );
  }
}

import { type Cidr, parseCidr } from "#policy/model/cidr.ts";
import * as z from "zod";
import type { Family } from "./lease.ts";

/**
 * Where the blocks of a cluster live in the store.
 *
 * | key | value |
 * |---|---|
 * | `ipam/blocks/BLOCK` | {@link BlockRecord}: whose it is; the key is the block's canonical text, `_` for `:`, `-` for `/` |
 * | `ipam/mask/FAMILY` | bits of a block's prefix: with two sizes there would be two keys for one address |
 * | `ipam/nodes/NODE` | empty; lifetime of the node: there as long as its agent is |
 */
export const blockKeys = {
  blocks: "ipam/blocks/",
  block: (cidr: string) => `ipam/blocks/${cidr.replaceAll(":", "_").replace("/", "-")}`,
  mask: (family: Family) => `ipam/mask/${family}`,
  nodes: "ipam/nodes/",
  node: (name: string) => `ipam/nodes/${name}`,
} as const;

/** `n` counts a node's blocks: its first one has the pods' gateway. */
const blockRecord = z.object({
  cidr: z.string().refine((text) => parseCidr(text) !== null),
  node: z.string(),
  n: z.int(),
});
export type BlockRecord = z.infer<typeof blockRecord>;

export function parseBlockRecord(text: string): BlockRecord | null {
  try {
    const result = blockRecord.safeParse(JSON.parse(text));
    return result.success ? result.data : null;
  } catch {
    // Not JSON: no record of ours.
    return null;
  }
}

/** How many blocks with prefixes of so many bits a range has. */
export function blockCount(range: Cidr, bits: number): bigint {
  return 1n << BigInt(bits - range.bits);
}

/** The block with a number in a range. */
export function blockAt(range: Cidr, bits: number, index: bigint): Cidr {
  const free = BigInt((range.family === 4 ? 32 : 128) - bits);
  return { family: range.family, address: range.address + (index << free), bits };
}

const offset = 0xcbf29ce484222325n;
const prime = 0x100000001b3n;

/**
 * The name of the host side of an attachment's veth: `weir` and eleven hexadecimal
 * digits of a 64-bit FNV-1a hash of the container id and the interface's name.
 *
 * It is derived, not stored, so that the CNI binary can remove the interface of an
 * attachment while the agent is away. Two attachments of one node meet in one name with
 * a probability of 2^-44; the agent refuses the second.
 */
export function hostInterfaceName(containerId: string, ifName: string): string {
  let hash = offset;
  // A slash can be in neither part, so no two pairs give the same text.
  for (const byte of new TextEncoder().encode(`${containerId}/${ifName}`)) {
    hash = ((hash ^ BigInt(byte)) * prime) & 0xffffffffffffffffn;
  }
  const folded = (hash >> 20n) ^ (hash & 0xfffffn);
  return `weir${folded.toString(16).padStart(11, "0")}`;
}

import type { MasqueradeFlags } from "#agent/datapath/kernel.ts";
import { type Cidr, cidrContains, formatCidr, hostCidr, parseAddress, parseCidr } from "#policy/model/cidr.ts";

/** Addresses and ranges as text, valid ones. */
export interface MasqueradeAddressing {
  readonly pods: readonly string[];
  /** Ranges that pods reach under their own addresses, beside those of pods and of the node. */
  readonly excluded: readonly string[];
  /** All addresses of the node. */
  readonly own: readonly string[];
  /** Those of them under which pods are seen. */
  readonly masquerading: readonly string[];
}

/** What each range means, by its canonical text: the longest one of an address has all that those around it say, too. The most needful come first. */
export function masqueradeRanges(addressing: MasqueradeAddressing): Map<string, MasqueradeFlags> {
  const none = { excluded: false, pods: false, node: false };
  const said = [
    ...addressing.pods.map((text) => ({ cidr: rangeOf(text), flags: { ...none, excluded: true, pods: true } })),
    ...addressing.masquerading.map((text) => ({ cidr: rangeOf(text), flags: { ...none, excluded: true, node: true } })),
    ...addressing.own.map((text) => ({ cidr: rangeOf(text), flags: { ...none, excluded: true } })),
    ...addressing.excluded.map((text) => ({ cidr: rangeOf(text), flags: { ...none, excluded: true } })),
  ];
  const of = (cidr: Cidr): MasqueradeFlags => {
    const around = said.filter((other) => cidrContains(other.cidr, cidr)).map(({ flags }) => flags);
    return {
      excluded: around.some(({ excluded }) => excluded),
      pods: around.some(({ pods }) => pods),
      node: around.some(({ node }) => node),
    };
  };
  return new Map(said.map(({ cidr }) => [formatCidr(cidr), of(cidr)]));
}

function rangeOf(text: string): Cidr {
  const address = parseAddress(text);
  const cidr = address === null ? parseCidr(text) : hostCidr(address);
  if (cidr === null) throw new Error(`read range ${text}: it is none`);
  return cidr;
}

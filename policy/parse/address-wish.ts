import { dnsLabelFault } from "./names.ts";
import type { Entry } from "./reader.ts";

/** Reads the annotation of a Pod or a Namespace that names a pool of addresses; null where there is none. */
export function readIpPool(annotations: readonly Entry[]): string | null {
  return valueOf(annotations, "weir.io/ip-pool")?.text(dnsLabelFault) ?? null;
}

/** Whether an annotation of a Pod asks for the same addresses whenever a pod of this name comes. */
export function readStickyIp(annotations: readonly Entry[]): boolean {
  return valueOf(annotations, "weir.io/sticky-ip")?.oneOf(["true", "false"]) === "true";
}

function valueOf(annotations: readonly Entry[], name: string): Entry["value"] | undefined {
  return annotations.find((annotation) => annotation.name === name)?.value;
}

import { mustRunNow } from "#agent/local/command.ts";
import type { NetworkNamespace } from "#agent/local/network-namespace.ts";

/** A device of a network namespace. */
export function linkOf(namespace: NetworkNamespace, name: string): { readonly index: number; readonly mac: string } {
  const text = mustRunNow(namespace.enter(["ip", "-json", "link", "show", "dev", name]));
  const [link] = JSON.parse(text) as { ifindex: number; address: string }[];
  if (link === undefined) throw new Error(`there is no device ${name}`);
  return { index: link.ifindex, mac: link.address };
}

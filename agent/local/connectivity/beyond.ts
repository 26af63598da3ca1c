import { mustRunNow } from "#agent/local/command.ts";
import type { NetworkNamespace } from "#agent/local/network-namespace.ts";
import { Traffic } from "#agent/local/traffic.ts";
import type { Place } from "./place.ts";
import type { Names } from "./scenario.ts";

/** Bytes of a packet on the link to it: less than pods believe at first. */
export const narrowMtu = 1400;

type Addresses = Pick<Names, "block" | "outside" | "remote" | "node">;

/** Of the range for such tests (RFC 2544) and of that for documentation; two runs rarely have the same. */
export function addressesBeyond(number: number): Addresses {
  const v4 = `198.${18 + ((number >> 8) & 1)}.${number & 255}`;
  const v6 = `2001:db8:${(number & 0xffff).toString(16)}:`;
  const of = (host: number) => ({ 4: `${v4}.${host}`, 6: `${v6}:${host}` });
  return { block: { 4: `${v4}.0/24`, 6: `${v6}:/64` }, node: of(1), outside: of(2), remote: of(3) };
}

/** A machine that is no pod, behind a link of its own to the node, which routes for it. */
export class Beyond implements AsyncDisposable {
  /** The node's device of the link. */
  readonly link = `weirt${process.pid.toString(36)}`;
  readonly namespace: NetworkNamespace;
  readonly traffic: Traffic;
  readonly #removeLink: () => void;

  constructor(place: Place, { block, outside, remote, node }: Addresses) {
    this.namespace = place.lab.namespace("outside");
    const { link } = this;
    const onNode = (...args: string[]) => mustRunNow(place.namespace.enter(["ip", ...args]));
    const inside = (...args: string[]) => mustRunNow(this.namespace.enter(["ip", ...args]));
    const mtu = ["mtu", `${narrowMtu}`];
    onNode("link", "add", link, ...mtu, "type", "veth", "peer", "name", "node", ...mtu, "netns", this.namespace.name);
    this.#removeLink = () => void onNode("link", "delete", link);
    onNode("address", "add", `${node[4]}/24`, "dev", link);
    onNode("address", "add", `${node[6]}/64`, "dev", link, "nodad");
    onNode("link", "set", link, "up");
    for (const address of [outside, remote]) {
      inside("address", "add", `${address[4]}/24`, "dev", "node");
      inside("address", "add", `${address[6]}/64`, "dev", "node", "nodad");
    }
    inside("link", "set", "node", "up");
    // Asks for segments as large as on any other link: its peers learn of this one only by what the node says.
    const own4 = ["src", outside[4], "advmss", "1460"];
    const own6 = ["src", outside[6], "advmss", "1440"];
    inside("route", "replace", block[4], "dev", "node", "scope", "link", ...own4);
    inside("route", "add", "default", "via", node[4], ...own4);
    inside("-6", "route", "add", block[6], "dev", "node", "metric", "1", ...own6);
    inside("-6", "route", "add", "default", "via", node[6], ...own6);
    if (place.isOwn) {
      // Of a node of its own it is the world: pods come to it under the node's address.
      onNode("-4", "route", "add", "default", "via", outside[4]);
      onNode("-6", "route", "add", "default", "via", outside[6]);
    }
    this.traffic = new Traffic(this.namespace, (pid) => place.lab.track(pid));
  }

  /** At once: with its namespace alone, the link would go some time later. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.traffic[Symbol.asyncDispose]();
    this.#removeLink();
    this.namespace[Symbol.dispose]();
  }
}

import { mustRunNow } from "#agent/local/command.ts";
import type { LabNode } from "#agent/local/lab-node.ts";
import type { NetworkNamespace } from "#agent/local/network-namespace.ts";
import { until } from "#agent/local/until.ts";
import { Traffic } from "#agent/local/traffic.ts";

/** A machine that is no pod, behind a link to the node, which routes for it. Lives as long as the lab. */
export class Outside {
  readonly namespace: NetworkNamespace;
  readonly traffic: Traffic;
  /** Addresses of the machine, and the node's on the link. */
  readonly ipv4: string;
  readonly ipv6: string;
  readonly node4: string;
  readonly node6: string;

  /** One that the node has its default routes by: the link is the node's own device, by which pods are masqueraded. */
  static async asDefaultRoute(node: LabNode): Promise<Outside> {
    const outside = new Outside(node);
    const routes = [
      ["-4", outside.ipv4],
      ["-6", outside.ipv6],
    ] as const;
    for (const [family, address] of routes) {
      mustRunNow(node.namespace.enter(["ip", family, "route", "add", "default", "via", address]));
    }
    await until("the link to be the node's own device", async () =>
      (await node.client.bpf("links")).some((link) => link.interface === "outside"),
    );
    return outside;
  }

  /** @param number Of the network: two machines have different ones. */
  constructor(node: LabNode, number = 2) {
    [this.node4, this.ipv4] = [`192.0.${number}.1`, `192.0.${number}.2`];
    [this.node6, this.ipv6] =
      number === 2 ? ["2001:db8::1", "2001:db8::2"] : [`2001:db8:${number}::1`, `2001:db8:${number}::2`];
    const link = number === 2 ? "outside" : `outside${number}`;
    this.namespace = node.lab.namespace(link);
    const inside = (...args: string[]) => mustRunNow(this.namespace.enter(["ip", ...args]));
    const onNode = (...args: string[]) => mustRunNow(node.namespace.enter(["ip", ...args]));
    onNode("link", "add", link, "type", "veth", "peer", "name", "node", "netns", this.namespace.name);
    onNode("address", "add", `${this.node4}/30`, "dev", link);
    onNode("address", "add", `${this.node6}/64`, "dev", link, "nodad");
    onNode("link", "set", link, "up");
    inside("address", "add", `${this.ipv4}/30`, "dev", "node");
    inside("address", "add", `${this.ipv6}/64`, "dev", "node", "nodad");
    inside("link", "set", "node", "up");
    inside("route", "add", "default", "via", this.node4);
    inside("-6", "route", "add", "default", "via", this.node6);
    this.traffic = node.lab.use(new Traffic(this.namespace, (pid) => node.lab.track(pid)));
  }
}

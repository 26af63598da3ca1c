import { mustRunNow } from "#agent/local/command.ts";
import type { LabNode } from "#agent/local/lab-node.ts";
import type { NetworkNamespace } from "#agent/local/network-namespace.ts";
import { Traffic } from "#agent/local/traffic.ts";

/** A machine that is no pod, behind a link to the node, which routes for it. Lives as long as the lab. */
export class Outside {
  readonly namespace: NetworkNamespace;
  readonly traffic: Traffic;
  /** Addresses of the machine, and the node's on the link. */
  readonly ipv4 = "192.0.2.2";
  readonly ipv6 = "2001:db8::2";
  readonly node4 = "192.0.2.1";
  readonly node6 = "2001:db8::1";

  constructor(node: LabNode) {
    this.namespace = node.lab.namespace("outside");
    const inside = (...args: string[]) => mustRunNow(this.namespace.enter(["ip", ...args]));
    const onNode = (...args: string[]) => mustRunNow(node.namespace.enter(["ip", ...args]));
    onNode("link", "add", "outside", "type", "veth", "peer", "name", "node", "netns", this.namespace.name);
    onNode("address", "add", `${this.node4}/30`, "dev", "outside");
    onNode("address", "add", `${this.node6}/64`, "dev", "outside", "nodad");
    onNode("link", "set", "outside", "up");
    inside("address", "add", `${this.ipv4}/30`, "dev", "node");
    inside("address", "add", `${this.ipv6}/64`, "dev", "node", "nodad");
    inside("link", "set", "node", "up");
    inside("route", "add", "default", "via", this.node4);
    inside("-6", "route", "add", "default", "via", this.node6);
    this.traffic = node.lab.use(new Traffic(this.namespace, (pid) => node.lab.track(pid)));
  }
}

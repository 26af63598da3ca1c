import { mustRunNow } from "#agent/local/command.ts";
import type { LabNode } from "#agent/local/lab-node.ts";
import { Traffic } from "#agent/local/traffic.ts";
import { Outside } from "./outside.ts";

/** A machine behind a router behind a node; on the router's link to it packets must be smaller. Lives as long as the lab. */
export class NarrowPath {
  readonly traffic: Traffic;
  readonly ipv4 = "198.51.100.2";
  readonly ipv6 = "2001:db8:f::2";
  readonly mtu = 1400;

  constructor(node: LabNode) {
    const router = new Outside(node);
    const far = node.lab.namespace("far");
    const onNode = (...args: string[]) => mustRunNow(node.namespace.enter(["ip", ...args]));
    const onRouter = (...args: string[]) => mustRunNow(router.namespace.enter(["ip", ...args]));
    const onFar = (...args: string[]) => mustRunNow(far.enter(["ip", ...args]));
    const forwarding = ["net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"];
    mustRunNow(router.namespace.enter(["sysctl", "-q", "-w", ...forwarding]));
    const peer = ["peer", "name", "router", "mtu", `${this.mtu}`, "netns", far.name];
    onRouter("link", "add", "far", "mtu", `${this.mtu}`, "type", "veth", ...peer);
    onRouter("address", "add", "198.51.100.1/30", "dev", "far");
    onRouter("address", "add", "2001:db8:f::1/64", "dev", "far", "nodad");
    onRouter("link", "set", "far", "up");
    onFar("address", "add", `${this.ipv4}/30`, "dev", "router");
    onFar("address", "add", `${this.ipv6}/64`, "dev", "router", "nodad");
    onFar("link", "set", "router", "up");
    // Asks for segments as large as on any other link: so its peers learn of this one only by what the router says.
    onFar("route", "add", "default", "via", "198.51.100.1", "advmss", "1460");
    onFar("-6", "route", "add", "default", "via", "2001:db8:f::1", "advmss", "1440");
    onNode("route", "add", "198.51.100.0/30", "via", router.ipv4);
    onNode("-6", "route", "add", "2001:db8:f::/64", "via", router.ipv6);
    this.traffic = node.lab.use(new Traffic(far, (pid) => node.lab.track(pid)));
  }
}

import { readdirSync } from "node:fs";

import { ensureSysctl, readSysctl } from "./sysctl.ts";

/**
 * Makes the node a router for the families that its pods have, and says what it changed.
 * Must run in the node's network namespace.
 *
 * @throws NetError `sysctl`, e.g. for IPv6 on a kernel without it.
 */
export function ensureForwarding(families: { readonly ipv4: boolean; readonly ipv6: boolean }): string[] {
  const changed: string[] = [];
  const ensure = (path: string, value: string) => {
    if (ensureSysctl({ path, value })) changed.push(`${path} = ${value}`);
  };
  if (families.ipv4) ensure("net/ipv4/ip_forward", "1");
  if (families.ipv6 && readSysctl("net/ipv6/conf/all/forwarding") !== "1") {
    // A router does not listen to router advertisements unless told to twice: without this a
    // node that got its own default route from one would lose it.
    for (const device of readdirSync("/proc/sys/net/ipv6/conf")) {
      const path = `net/ipv6/conf/${device}/accept_ra`;
      if (!["all", "default", "lo"].includes(device) && readSysctl(path) === "1") ensure(path, "2");
    }
    ensure("net/ipv6/conf/all/forwarding", "1");
  }
  return changed;
}

import { readdirSync } from "node:fs";

import { readSysctl } from "./sysctl.ts";

/** A setting of the node that is to have another value. */
export interface SettingChange {
  /** The path below /proc/sys. */
  readonly path: string;
  readonly before: string;
  readonly value: string;
}

/**
 * What makes the node a router for the families that its pods have, in order; nothing where it is one.
 * Must run in the node's network namespace.
 *
 * @throws NetError `sysctl`.
 */
export function planForwarding(families: { readonly ipv4: boolean; readonly ipv6: boolean }): SettingChange[] {
  const changes: SettingChange[] = [];
  const plan = (path: string, value: string): void => {
    // A kernel without the setting refuses it, and says so, when it is written.
    const before = readSysctl(path) ?? "";
    if (before !== value) changes.push({ path, before, value });
  };
  if (families.ipv4) plan("net/ipv4/ip_forward", "1");
  if (families.ipv6 && readSysctl("net/ipv6/conf/all/forwarding") !== "1") {
    // A router does not listen to router advertisements unless told to twice: without this a
    // node that got its own default route from one would lose it.
    for (const device of readdirSync("/proc/sys/net/ipv6/conf")) {
      const path = `net/ipv6/conf/${device}/accept_ra`;
      if (!["all", "default", "lo"].includes(device) && readSysctl(path) === "1") plan(path, "2");
    }
    plan("net/ipv6/conf/all/forwarding", "1");
  }
  return changes;
}

import { readFileSync } from "node:fs";

import { hostInterfaceName } from "#agent/api/host-interface.ts";
import { NetlinkConnection } from "#agent/netlink/connection.ts";
import { isMissing } from "#agent/netlink/error.ts";
import { deleteLink } from "#agent/netlink/link.ts";

import type { Call } from "./call.ts";
import type { Log } from "./log.ts";
import { NetlinkSocket } from "./netlink-socket.ts";
import { releaseAttachment } from "./release.ts";

/**
 * DEL: the agent removes the veth and frees the addresses. Where it has not, because it is
 * away or knows nothing of the attachment, the veth is removed here, by the host side's
 * name, which needs neither the agent nor the container's namespace. What is gone already
 * is no error.
 */
export function del({ environment, agent, queue, log }: Call): void {
  const { containerId, ifName } = environment;
  try {
    releaseAttachment(agent, queue, log, { containerId, ifName });
  } finally {
    removeInterface(hostInterfaceName(containerId, ifName), log);
  }
}

function removeInterface(name: string, log: Log): void {
  if (!isPresent(name)) return;
  using socket = new NetlinkSocket();
  try {
    new NetlinkConnection(socket).execute(deleteLink({ name }));
    log.write("info", "removed the interface, since the agent did not", { hostInterface: name });
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Not by netlink, which would wait until the kernel is through with the device that the agent removed. */
function isPresent(name: string): boolean {
  const lines = readFileSync("/proc/self/net/dev", "utf8").split("\n");
  return lines.some((line) => line.trimStart().startsWith(`${name}:`));
}

import { hostInterfaceName } from "#agent/api/host-interface.ts";
import { NetlinkConnection } from "#agent/netlink/connection.ts";
import { isMissing } from "#agent/netlink/error.ts";
import { deleteLink } from "#agent/netlink/link.ts";

import type { Call } from "./call.ts";
import { NetlinkSocket } from "./netlink-socket.ts";
import { releaseAttachment } from "./release.ts";

/**
 * DEL: the veth goes first, by the host side's name, which needs neither the container's
 * namespace nor the agent; then the agent frees the addresses, so that nobody gets an
 * address on which somebody can still speak. What is gone already is no error.
 */
export function del({ environment, agent, queue, log }: Call): void {
  const { containerId, ifName } = environment;
  using socket = new NetlinkSocket();
  try {
    new NetlinkConnection(socket).execute(deleteLink({ name: hostInterfaceName(containerId, ifName) }));
  } catch (error) {
    if (!isMissing(error)) throw error;
    log.write("debug", "no interface to remove");
  }
  releaseAttachment(agent, queue, log, { containerId, ifName });
}

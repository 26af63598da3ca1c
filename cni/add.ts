import type { Attachment, AttachmentRequest } from "#agent/api/attachment.ts";
import { NetlinkConnection } from "#agent/netlink/connection.ts";
import { deleteLink } from "#agent/netlink/link.ts";

import { AgentAbsent, AgentRefusal } from "./agent-client.ts";
import type { Call } from "./call.ts";
import { CniError, ErrorCode } from "./errors.ts";
import { Namespace } from "./namespace.ts";
import { NetlinkSocket } from "./netlink-socket.ts";
import { asCniError, configureInterface, createInterface, refuseExisting } from "./pod-side.ts";
import { releaseAttachment } from "./release.ts";
import { addResult } from "./result.ts";

/**
 * ADD: the agent reserves addresses; the veth is made and its container side configured;
 * the agent attaches its programs and brings the host side up, which is the first moment
 * at which a packet can pass. An error undoes everything before it is told.
 */
export function add(call: Call): object {
  const { environment, config } = call;
  if (config.prevResult !== undefined) {
    const message =
      "invalid network configuration: prevResult: weir-cni makes interfaces and must be first in its list";
    throw new CniError(ErrorCode.INVALID_CONFIG, message);
  }
  using namespace = new Namespace(environment.netns);
  using socket = new NetlinkSocket();
  const host = new NetlinkConnection(socket);
  refuseExisting(namespace, environment.ifName);
  const attachment = reserve(call);
  try {
    attach(call, host, namespace, attachment);
  } catch (error) {
    release(call);
    throw error;
  }
  const { ifName, netns } = environment;
  return addResult(config.cniVersion, { attachment, ifName, netns, dns: config.dns });
}

function reserve(call: Call): Attachment {
  const { agent } = call;
  try {
    return agent.create(attachmentRequest(call));
  } catch (error) {
    // An agent that heard the request but could not tell the outcome may hold a reservation.
    const unclear = !(error instanceof AgentRefusal) && !(error instanceof AgentAbsent && !error.asked);
    if (unclear) release(call);
    throw error;
  }
}

function attachmentRequest({ environment, config }: Call): AttachmentRequest {
  const { containerId, ifName, netns, args } = environment;
  const { labels, serviceAccount, mtu, runtimeConfig } = config;
  return {
    containerId,
    ifName,
    netns,
    args: { ...args },
    labels: { ...labels },
    ...(serviceAccount === undefined ? {} : { serviceAccount }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(runtimeConfig === undefined ? {} : { runtimeConfig: { ...runtimeConfig } }),
  };
}

function attach(call: Call, host: NetlinkConnection, namespace: Namespace, attachment: Attachment): void {
  const { ifName } = call.environment;
  const link = createInterface(host, namespace, ifName, attachment);
  try {
    configureInterface(namespace, ifName, attachment);
    call.agent.activate(attachment.id, { ifindex: link.index, netnsInode: namespace.inode });
  } catch (error) {
    // By number: the name may be somebody else's by now.
    attempt(call, "remove interface", () => host.execute(deleteLink({ index: link.index })));
    throw error;
  }
}

function release(call: Call): void {
  const { agent, queue, log, environment } = call;
  attempt(call, "release endpoint", () => {
    releaseAttachment(agent, queue, log, environment);
  });
}

/** What fails while undoing is logged; the error that made it necessary is the one to tell. */
function attempt({ log }: Call, what: string, run: () => void): void {
  try {
    run();
  } catch (error) {
    log.write("error", `undo ADD: ${what}: ${asCniError(error).message}`);
  }
}

import { type Identity, readIdentity } from "#agent/hubble/identity.ts";
import type { HubbleNetwork } from "#agent/hubble/network-listener.ts";
import type { HubbleNode } from "#agent/hubble/server.ts";
import type { AgentConfig } from "#agent/runtime/config.ts";
import type { Node } from "./node.ts";

/** What Hubble's API shows of a node. */
export function hubbleNode({ parts, flows }: Node): HubbleNode {
  return {
    nodeName: parts.config.nodeName,
    flows,
    agentEvents: parts.agentEvents,
    devices: () => parts.devices.present.map(({ name }) => name),
  };
}

/** Where Hubble's API is for other machines; null: nowhere. @throws ApiError `hubble-tls`. */
export function hubbleNetwork(config: AgentConfig): HubbleNetwork | null {
  const { hubbleAddress: address, hubbleCert: cert, hubbleKey: key, hubbleCa: ca, nodeName } = config;
  if (address === null || cert === null || key === null || ca === null) return null;
  const identity = (): Identity => readIdentity({ cert, key, ca }, nodeName);
  // Refused before anything is touched.
  identity();
  return { ...address, identity };
}

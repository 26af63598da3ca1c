import type { CiliumPort } from "#policy/model/cilium-object.ts";
import type { PortMatch } from "#policy/model/port.ts";
import { type FlowProtocol, PROTOCOLS, isTransport } from "#policy/model/protocol.ts";

/** What a port of `toPorts` means: `ANY` is every protocol that has ports. */
export function toPorts({ protocol, port, endPort }: CiliumPort): PortMatch[] {
  const protocols: readonly FlowProtocol[] = protocol === "ANY" ? PROTOCOLS : [protocol];
  return protocols.flatMap((one): PortMatch[] => {
    if (port === null) return [{ protocol: one, kind: "all" }];
    if (typeof port === "number") return [{ protocol: one, kind: "range", first: port, last: endPort ?? port }];
    return isTransport(one) ? [{ protocol: one, kind: "name", name: port }] : [];
  });
}

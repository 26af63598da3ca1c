import { ApiError } from "#agent/api/errors.ts";
import type { EndpointPort, IdentityPort } from "#agent/api/ports.ts";
import type { EndpointView, IdentityView } from "#agent/api/views.ts";
import type { BandwidthLimit, EndpointBandwidth } from "#agent/datapath/kernel.ts";
import { HOST } from "#agent/endpoint/host-endpoint.ts";
import { identityLabels, reservedLabels } from "#agent/identity/labels.ts";
import { RESERVED_IDENTITIES } from "#agent/identity/reserved.ts";
import type { NodeParts } from "./parts.ts";

/** @throws ApiError `not-found`. */
export function endpointView({ endpoints, enforcement, policy }: NodeParts, id: number): EndpointView {
  const found = endpoints.get(id);
  if (!found) throw new ApiError("not-found", { asked: `show endpoint ${id}`, obstacle: "there is none" });
  const { record, subject } = found;
  const { containerId, ifName, hostInterface, namespace, pod, identity, ipv4, ipv6, state } = record;
  return {
    id,
    containerId,
    ifName,
    hostInterface,
    namespace,
    pod,
    labels: { ...subject.labels },
    identity,
    ipv4,
    ipv6,
    state: state === "ready" ? "ready" : "waiting-for-interface",
    policy: enforcement.views.selects(id),
    revision: Number(policy.revision),
    bandwidth: bandwidthView(enforcement.views.endpoint(id)?.bandwidth),
  };
}

function bandwidthView(limits: EndpointBandwidth | undefined): EndpointView["bandwidth"] {
  const bits = (limit: BandwidthLimit | null | undefined): number | null => (limit ? limit.rate * 8 : null);
  return { egress: bits(limits?.egress), ingress: bits(limits?.ingress) };
}

/** The node itself; undefined while no policy selects it. */
function hostView({ enforcement, policy }: NodeParts): EndpointView | undefined {
  const host = enforcement.views.endpoint(HOST);
  if (!host) return undefined;
  const { id, identity, nodeAddresses = [] } = host;
  const first = (isIpv6: boolean): string | null =>
    nodeAddresses.find((address) => address.includes(":") === isIpv6 && !address.startsWith("fe80:")) ?? null;
  return {
    id,
    containerId: "",
    ifName: "",
    hostInterface: "",
    namespace: "",
    pod: "",
    labels: { ...reservedLabels(identity), ...enforcement.outsiders.ownLabels },
    identity,
    ipv4: first(false),
    ipv6: first(true),
    state: "ready",
    policy: enforcement.views.selects(id),
    revision: Number(policy.revision),
    bandwidth: bandwidthView(undefined),
  };
}

export function endpointPort(parts: NodeParts): EndpointPort {
  const { endpoints, changes } = parts;
  return {
    list: () => {
      const ids = endpoints.list().map(({ record }) => record.id);
      return ids.toSorted((a, b) => a - b).map((id) => endpointView(parts, id));
    },
    get: (id) => (id === HOST ? hostView(parts) : endpoints.get(id) && endpointView(parts, id)),
    log: (id) => endpoints.log(id),
    regenerate: (id) =>
      changes.run(async () => {
        if (!endpoints.get(id)) return undefined;
        await endpoints.regenerate(id);
        return endpointView(parts, id);
      }),
  };
}

export function identityPort({ identities }: NodeParts): IdentityPort {
  const reserved = [...RESERVED_IDENTITIES.keys()].map((id): IdentityView => {
    return { id, labels: reservedLabels(id) ?? {}, scope: "reserved" };
  });
  const list = (): IdentityView[] => [
    ...reserved,
    ...identities.list().map(({ id, subject }): IdentityView => {
      return { id, labels: identityLabels(subject), scope: "cluster" };
    }),
  ];
  return { list, get: (id) => list().find((view) => view.id === id) };
}

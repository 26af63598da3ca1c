import { formatAddress } from "#policy/model/cidr.ts";
import type { EndpointSliceObject } from "#policy/model/object.ts";
import { readAddress } from "./address.ts";
import type { KindReader } from "./kind-reader.ts";
import type { Reader } from "./reader.ts";

const ADDRESS_TYPES = ["IPv4", "IPv6", "FQDN"] as const;
const FAMILIES = { IPv4: 4, IPv6: 6 } as const;
const SERVICE_LABEL = "kubernetes.io/service-name";

/** `discovery.k8s.io/v1` EndpointSlice: addresses behind a service. Names of hosts stand for no address here. */
export const readEndpointSlice: KindReader<EndpointSliceObject> = (object, base, labels) => {
  object.ignore(["ports"]);
  const type = object.required("addressType")?.oneOf(ADDRESS_TYPES) ?? null;
  const addresses = new Set<string>();
  for (const item of object.optional("endpoints")?.items() ?? []) {
    const endpoint = item.fields();
    const list = endpoint?.required("addresses")?.items() ?? [];
    const texts = list.map((address) => readEndpointAddress(address, type));
    const isBackend = servesClients(endpoint?.optional("conditions") ?? null);
    for (const text of texts) if (isBackend && text !== null) addresses.add(text);
  }
  const service = Object.hasOwn(labels, SERVICE_LABEL) ? (labels[SERVICE_LABEL] as string) : "";
  return { kind: "EndpointSlice", ...base, service, addresses: [...addresses] };
};

function readEndpointAddress(reader: Reader, type: (typeof ADDRESS_TYPES)[number] | null): string | null {
  if (type === null || type === "FQDN") {
    reader.string();
    return null;
  }
  const address = readAddress(reader);
  if (address && address.family !== FAMILIES[type])
    return reader.fail(`"${formatAddress(address)}" is no ${type} address`);
  return address && formatAddress(address);
}

/**
 * Whether clients may be at the endpoint. One that is ready gets new connections. One that
 * is about to end is not ready any more, but still serves those that it has: a policy about the service's
 * backends must not cut them. One that is neither gets no traffic by the service, and needs no leave.
 */
function servesClients(reader: Reader | null): boolean {
  const conditions = reader?.fields();
  // Unknown means ready.
  const isReady = conditions?.optional("ready")?.boolean() ?? true;
  const serves = conditions?.optional("serving")?.boolean() ?? false;
  return isReady || serves;
}

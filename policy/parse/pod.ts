import { formatAddress } from "#policy/model/cidr.ts";
import { type NamedPort, sortNamedPorts } from "#policy/model/identity.ts";
import type { PodObject } from "#policy/model/object.ts";
import { PROTOCOLS } from "#policy/model/protocol.ts";
import { readAddress } from "./address.ts";
import { readIpPool, readStickyIp } from "./address-wish.ts";
import { readBandwidth } from "./bandwidth.ts";
import { dnsNameFault, portNameFault } from "./names.ts";
import type { KindReader } from "./kind-reader.ts";
import type { Fields, Reader } from "./reader.ts";

/** `v1` Pod: what policy can see of it, the limits of its bandwidth, what it wishes of its addresses, and who made it. Its other fields are not looked at. */
export const readPod: KindReader<PodObject> = (object, base, labels, annotations) => {
  const spec = object.optional("spec")?.fields() ?? null;
  const status = object.optional("status")?.fields() ?? null;
  const account = spec?.optional("serviceAccountName") ?? spec?.optional("serviceAccount");
  const nodeName = spec?.optional("nodeName")?.string();
  const containers = [
    ...(spec?.optional("containers")?.items() ?? []),
    ...(spec?.optional("initContainers")?.items() ?? []).filter(isSidecar),
  ];
  const bandwidth = readBandwidth(annotations);
  const ipPool = readIpPool(annotations);
  const owner = readOwner(object);
  return {
    kind: "Pod",
    ...base,
    labels,
    serviceAccount: account?.text(dnsNameFault) ?? "default",
    namedPorts: sortNamedPorts(containers.flatMap(readNamedPorts)),
    addresses: status ? readAddresses(status) : [],
    hostNetwork: spec?.optional("hostNetwork")?.boolean() ?? false,
    ...(nodeName && { nodeName }),
    ...(bandwidth && { bandwidth }),
    ...(ipPool !== null && { ipPool }),
    ...(readStickyIp(annotations) && { stickyIp: true }),
    ...(owner && { owner }),
  };
};

/** Names only what is well-formed: nothing but the names in flows depends on it. */
function readOwner(object: Fields): PodObject["owner"] | null {
  const references = object.optional("metadata")?.fields()?.optional("ownerReferences")?.items() ?? [];
  for (const reference of references) {
    const fields = reference.fields();
    if (fields?.optional("controller")?.boolean() !== true) continue;
    const [kind, name] = [fields.required("kind")?.string(), fields.required("name")?.string()];
    if (kind && name) return { kind, name };
  }
  return null;
}

/** Since Kubernetes 1.29 an init container that always restarts runs beside the others. */
function isSidecar(container: Reader): boolean {
  return container.fields()?.optional("restartPolicy")?.string() === "Always";
}

function readNamedPorts(container: Reader): NamedPort[] {
  const ports: NamedPort[] = [];
  for (const item of container.fields()?.optional("ports")?.items() ?? []) {
    const fields = item.fields();
    const name = fields?.optional("name")?.text(portNameFault) ?? null;
    const port = fields?.required("containerPort")?.integer(1, 65535) ?? null;
    const given = fields?.optional("protocol");
    const protocol = given ? given.oneOf(PROTOCOLS) : "TCP";
    if (name !== null && port !== null && protocol !== null) ports.push({ name, protocol, port });
  }
  return ports;
}

function readAddresses(status: Fields): string[] {
  const single = status.optional("podIP");
  const several = status.optional("podIPs")?.items() ?? [];
  const readers = [single, ...several.map((item) => item.fields()?.required("ip") ?? null)];
  const addresses = new Set<string>();
  for (const reader of readers) {
    const address = reader && readAddress(reader);
    if (address) addresses.add(formatAddress(address));
  }
  // The addresses of a pod that has ended may belong to another one by now.
  const phase = status.optional("phase")?.string();
  return phase === "Succeeded" || phase === "Failed" ? [] : [...addresses];
}

import type { CniAnswer } from "#agent/api/cni.ts";
import type { NewEndpoint } from "#agent/endpoint/new-endpoint.ts";
import type { EndpointRecord } from "#agent/endpoint/record.ts";
import { createPodSide, findLink, type PodAddress } from "#agent/net/pod-side.ts";
import type { PodNamespace } from "#agent/net/pod-namespace.ts";
import { fullPrefix } from "#agent/netlink/ip.ts";
import type { Link } from "#agent/netlink/link.ts";
import { type Call, type CniParts, delegate, openNamespace, podOf, result } from "./call.ts";
import { answerAfterUndo, delegateFailure, runDelegate, undoDelegate } from "./delegation.ts";
import { CniError, ErrorCode, errorOutcome } from "./errors.ts";
import { type IpamResult, parseIpamResult, parsePrevResult, type PrevResult } from "./prev-result.ts";
import { addResult } from "./result.ts";
import { readRuntimeConfig } from "./runtime-config.ts";

const everything = { ipv4: "0.0.0.0/0", ipv6: "::/0" };

/**
 * ADD: addresses are reserved and written down; the veth is made and its container side
 * configured; programs are attached and the host side brought up, which is the first
 * moment at which a packet can pass. An error undoes everything before it is told.
 *
 * With a `prevResult` the container's interface is another plugin's, and only guarded.
 */
export async function add(parts: CniParts, call: Call): Promise<CniAnswer> {
  if (call.config.prevResult !== undefined) return result(await addChained(parts, call));
  const plugin = delegate(call);
  if (plugin === undefined) return result(await addVeth(parts, call, undefined));
  const { resume, config } = call;
  if (resume === undefined) {
    // What cannot be done anyway need not be asked of another plugin.
    using namespace = openNamespace(call);
    refuseExisting(namespace, call);
    return runDelegate(plugin, call);
  }
  const answer = answerAfterUndo(resume) ?? delegateFailure(plugin, call, resume);
  if (answer) return answerAfterUndo(resume) ? answer : undoDelegate(plugin, answer);
  try {
    return result(await addVeth(parts, call, parseIpamResult(plugin, resume.output)));
  } catch (error) {
    return undoDelegate(plugin, errorOutcome(error, config.cniVersion));
  }
}

/** @param given the addresses, where an IPAM plugin gave them. */
async function addVeth(parts: CniParts, call: Call, given: IpamResult | undefined): Promise<Record<string, unknown>> {
  const { endpoints, host } = parts;
  const runtime = readRuntimeConfig(call.config.runtimeConfig, call.config.askedAddresses);
  using namespace = openNamespace(call);
  const before = endpoints.find(call.containerId, call.ifName)?.record;
  // Asked again because the answer was lost with an earlier life of the agent: it is in force.
  if (before?.state === "ready" && before.token === call.token) return resultOf(parts, call, before, given);
  refuseExisting(namespace, call);
  const record = await endpoints.create({
    ...baseOf(call, namespace),
    addresses: given ? elsewhere(given) : { from: "pool", pool: call.config.ipam?.pool, addresses: runtime.addresses },
    mac: runtime.mac,
    mtu: runtime.mtu ?? call.config.mtu,
    bandwidth: runtime.bandwidth,
    viaStack: runtime.hasPortMappings,
  });
  try {
    parts.forgetDeletion(call, "interface");
    const addresses = podAddresses(parts, record, given);
    await endpoints.activate(record.id, createPodSide(host, namespace, { ...record, addresses }));
  } catch (error) {
    await undo(parts, call);
    throw error;
  }
  return resultOf(parts, call, record, given);
}

async function addChained(parts: CniParts, call: Call): Promise<Record<string, unknown>> {
  const { endpoints } = parts;
  const runtime = readRuntimeConfig(call.config.runtimeConfig);
  using namespace = openNamespace(call);
  const previous = parsePrevResult(call.config.prevResult, call.ifName, call.netns);
  const before = endpoints.find(call.containerId, call.ifName)?.record;
  if (!(before?.state === "ready" && before.token === call.token)) {
    const { pod, device } = findPair(parts, namespace, call.ifName, previous);
    if (pod.mac === null || device.mac === null) throw new Error(`a veth without MAC addresses: ${device.name}`);
    const record = await endpoints.create({
      ...baseOf(call, namespace),
      addresses: elsewhere(previous),
      device: { hostInterface: device.name, mac: pod.mac, hostMac: device.mac, mtu: device.mtu },
      bandwidth: runtime.bandwidth,
      viaStack: true,
    });
    try {
      parts.forgetDeletion(call, "interface");
      await endpoints.activate(record.id, device.index);
    } catch (error) {
      await undo(parts, call);
      throw error;
    }
  }
  return { ...previous.given, cniVersion: call.config.cniVersion };
}

function baseOf(call: Call, namespace: PodNamespace): Omit<NewEndpoint, "addresses" | "viaStack"> {
  const { token, containerId, ifName, netns, config } = call;
  const { name: network, labels, serviceAccount } = config;
  return {
    token,
    network,
    containerId,
    ifName,
    netns,
    netnsInode: namespace.inode,
    ...podOf(call),
    labels,
    serviceAccount,
  };
}

/** Another plugin's, or an ADD without a DEL before it. */
function refuseExisting(namespace: PodNamespace, { ifName, netns }: Call): void {
  if (findLink(namespace.connection, { name: ifName }) === undefined) return;
  throw new CniError(ErrorCode.INTERFACE_EXISTS, `interface ${ifName} exists already in ${netns}`);
}

/** Both ends of the veth that an earlier plugin of the list has made. */
function findPair(
  { host }: CniParts,
  namespace: PodNamespace,
  ifName: string,
  previous: PrevResult,
): { pod: Link; device: Link } {
  const pod = findLink(namespace.connection, { name: ifName });
  if (!pod)
    throw new CniError(ErrorCode.INVALID_CONFIG, `invalid prevResult: interface ${ifName} is not in the container`);
  const device = pod.kind === "veth" && pod.peerIndex !== null ? findLink(host, { index: pod.peerIndex }) : undefined;
  const isPair = device?.kind === "veth" && device.peerIndex === pod.index;
  if (device && isPair && previous.hostInterfaces.includes(device.name)) return { pod, device };
  const message =
    `chain behind another plugin: interface ${ifName} of the container is no veth with its other end in the node and in prevResult; ` +
    "weir-cni can follow bridge, ptp and others that make veths";
  throw new CniError(ErrorCode.INVALID_CONFIG, message);
}

/** @throws CniError DELEGATE: an endpoint has one address of each family. */
function elsewhere({ addresses }: Pick<IpamResult, "addresses">): NewEndpoint["addresses"] {
  const of = (isIpv6: boolean): IpamResult["addresses"] =>
    addresses.filter(({ address }) => address.includes(":") === isIpv6);
  const [ipv4, ipv6] = [of(false), of(true)];
  if (ipv4.length > 1 || ipv6.length > 1 || addresses.length === 0) {
    const all = addresses.map(({ address }) => address).join(", ") || "none";
    throw new CniError(
      ErrorCode.DELEGATE,
      `take the interface's addresses: one of each family is possible, not ${all}`,
    );
  }
  return {
    from: "elsewhere",
    ipv4: ipv4[0]?.address ?? null,
    ipv6: ipv6[0]?.address ?? null,
    gateway: { ipv4: ipv4[0]?.gateway ?? null, ipv6: ipv6[0]?.gateway ?? null },
  };
}

/** What the container's side gets: routes are those of the IPAM plugin, where it gave any, else to everything. */
function podAddresses({ endpoints }: CniParts, record: EndpointRecord, given: IpamResult | undefined): PodAddress[] {
  const gateway = endpoints.gatewayOf(record);
  return (["ipv4", "ipv6"] as const).flatMap((family) => {
    const [address, via] = [record[family], gateway[family]];
    if (address === null) return [];
    if (via === null) {
      const message = `attach an interface with ${address}: the IPAM plugin gave no gateway, and the agent has none of that family`;
      throw new CniError(ErrorCode.INVALID_CONFIG, message);
    }
    const routes = (given?.routes ?? []).filter(
      ({ destination }) => destination.includes(":") === address.includes(":"),
    );
    const hasRoutes = (given?.routes.length ?? 0) > 0;
    return [{ address, gateway: via, routes: hasRoutes ? routes : [{ destination: everything[family] }] }];
  });
}

function resultOf(
  parts: CniParts,
  { config, netns }: Call,
  record: EndpointRecord,
  given: IpamResult | undefined,
): Record<string, unknown> {
  const { dns } = readRuntimeConfig(config.runtimeConfig);
  const addresses = podAddresses(parts, record, given);
  return addResult(config.cniVersion, {
    ...record,
    netns,
    addresses: addresses.map(({ address, gateway }) => ({ address, gateway, prefix: fullPrefix(address) })),
    routes: addresses.flatMap(({ gateway, routes }) =>
      routes.map((route) => ({ destination: route.destination, gateway: route.gateway ?? gateway })),
    ),
    dns: config.dns || dns ? { ...config.dns, ...dns } : undefined,
  });
}

/** What fails while undoing is noted; the error that made it necessary is the one to tell. */
async function undo({ endpoints, undone }: CniParts, { containerId, ifName }: Call): Promise<void> {
  try {
    await endpoints.release(containerId, ifName);
  } catch (error) {
    undone(error, `undo ADD of ${ifName} of container ${containerId}`);
  }
}

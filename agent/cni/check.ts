import type { CniAnswer } from "#agent/api/cni.ts";
import { hostInterfaceName } from "#agent/api/host-interface.ts";
import { findLink, podSideProblems } from "#agent/net/pod-side.ts";
import type { PodNamespace } from "#agent/net/pod-namespace.ts";
import type { EndpointRecord } from "#agent/endpoint/record.ts";
import { type Call, type CniParts, delegate, nothing, openNamespace } from "./call.ts";
import { delegateFailure, runDelegate } from "./delegation.ts";
import { CniError, ErrorCode } from "./errors.ts";
import { parsePrevResult } from "./prev-result.ts";

/**
 * CHECK: what the result of ADD named is in the container, both sides of the veth belong
 * together and are up, and programs, maps, addresses and routes of the node are in place.
 * All that is wrong is told in one error.
 */
export function check(parts: CniParts, call: Call): CniAnswer {
  const plugin = delegate(call);
  if (plugin !== undefined) {
    if (call.resume === undefined) return runDelegate(plugin, call);
    const failure = delegateFailure(plugin, call, call.resume);
    if (failure) return failure;
  }
  const { config, ifName, netns, containerId } = call;
  if (config.prevResult === undefined) {
    throw new CniError(ErrorCode.INVALID_CONFIG, "prevResult is missing: CHECK needs the result of ADD");
  }
  const { mac, addresses, routes } = parsePrevResult(config.prevResult, ifName, netns);
  using namespace = openNamespace(call);
  const expected = { mac, addresses: addresses.map(({ address, bits }) => `${address}/${bits}`), routes };
  const record = parts.endpoints.find(containerId, ifName)?.record;
  // Addresses of another plugin may be left where there is no record of ours: those DEL has to give back.
  if (!record && plugin === undefined && !findLink(parts.host, { name: hostInterfaceName(containerId, ifName) })) {
    const message = `check of ${ifName}: no endpoint is known for it in container ${containerId}`;
    throw new CniError(ErrorCode.UNKNOWN_CONTAINER, message);
  }
  const problems = [
    ...podSideProblems(namespace, ifName, expected),
    ...(record ? pairProblems(parts, namespace, record) : []),
    ...parts.endpoints.check(
      containerId,
      ifName,
      addresses.map(({ address }) => address),
    ),
  ];
  if (problems.length === 0) return nothing;
  throw new CniError(ErrorCode.CHECK_FAILED, `check of ${ifName}: ${problems.join("; ")}`, problems.join("\n"));
}

function pairProblems({ host }: CniParts, { connection }: PodNamespace, record: EndpointRecord): string[] {
  const { hostInterface: name, ifName } = record;
  const device = findLink(host, { name });
  if (!device) return [`host interface ${name} is missing`];
  const pod = findLink(connection, { name: ifName });
  const problems: string[] = [];
  if (!device.up) problems.push(`host interface ${name} is down`);
  if (pod && (pod.peerIndex !== device.index || device.peerIndex !== pod.index)) {
    problems.push(`host interface ${name} is not the other side of ${ifName}`);
  }
  return problems;
}

import type { Flow, Party } from "#policy/model/flow.ts";
import type { ReservedParty } from "#policy/model/reserved.ts";
import { inRange } from "./address.ts";
import type { OracleOptions } from "./question.ts";

/** What a party is that is no pod. An API server is a node, too, if it runs on one, else somebody outside. */
export function namesOf({ subject, reserved = "world", nodeLabels }: Party): ReservedParty[] {
  if (subject) return [];
  return reserved === "kube-apiserver" ? [reserved, nodeLabels ? "remote-node" : "world"] : [reserved];
}

/** Outside of the cluster. */
export function isOutside(party: Party): boolean {
  return namesOf(party).includes("world");
}

export function isNode(party: Party): boolean {
  return namesOf(party).includes("host") || namesOf(party).includes("remote-node");
}

/** Two ends with one address are one party: what it says to itself stays inside it. */
export function isSame(a: Party, b: Party): boolean {
  return a.address !== undefined && a.address === b.address;
}

/**
 * Whether a party has an address in a range, outside of its exceptions.
 *
 * @param language whether the policy's language means `any` address, or only those `outside` of the cluster.
 */
export function isInBlock(
  party: Party,
  { cidr, except }: { readonly cidr: string; readonly except: readonly string[] },
  language: "any" | "outside",
  { cidrMatchesPods = "language" }: OracleOptions,
): boolean {
  const { address } = party;
  const isAboutAll = cidrMatchesPods === "language" ? language === "any" : cidrMatchesPods;
  if (address === undefined || !(isAboutAll || isOutside(party))) return false;
  return inRange(address, cidr) && !except.some((hole) => inRange(address, hole));
}

/** Whether the pod that is connected to calls the flow's port so. In either direction it is its name. */
export function isPortNamed({ destination, protocol, port }: Flow, name: string): boolean {
  const namedPorts = destination.subject?.namedPorts ?? [];
  return namedPorts.some((named) => named.name === name && named.protocol === protocol && named.port === port);
}

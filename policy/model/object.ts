import type { PodBandwidth } from "./bandwidth.ts";
import type { CiliumCidrGroupObject, CiliumPolicyObject } from "./cilium-object.ts";
import type { ClusterPolicyObject } from "./cluster-object.ts";
import type { ObjectControls } from "./controls.ts";
import type { Labels, NamedPort, Subject } from "./identity.ts";
import type { ObjectBase } from "./object-base.ts";
import type { Protocol } from "./protocol.ts";
import type { LabelSelector } from "./selector.ts";

export interface NamespaceObject extends ObjectBase {
  readonly kind: "Namespace";
  /** Always with `kubernetes.io/metadata.name`. */
  readonly labels: Labels;
  /** Of which pool its pods have addresses; missing: nothing is said. */
  readonly ipPool?: string;
}

export interface ServiceAccountObject extends ObjectBase {
  readonly kind: "ServiceAccount";
  readonly labels: Labels;
}

export interface PodObject extends ObjectBase {
  readonly kind: "Pod";
  readonly labels: Labels;
  readonly serviceAccount: string;
  readonly namedPorts: readonly NamedPort[];
  /** Canonical texts; empty while the pod has none. */
  readonly addresses: readonly string[];
  /** The pod has the node's network and addresses: no policy applies to it, and it counts as the node. */
  readonly hostNetwork: boolean;
  /** Missing while the pod is not scheduled, or where nothing says so. */
  readonly nodeName?: string;
  /** Missing where no annotation limits it. */
  readonly bandwidth?: PodBandwidth;
  /** Of which pool it has addresses; missing: nothing is said. */
  readonly ipPool?: string;
  /** Whether it is to have the same addresses when it comes again under its name; missing: no. */
  readonly stickyIp?: true;
  /** The controller that made it; missing: none, or nothing says so. */
  readonly owner?: { readonly kind: string; readonly name: string };
}

/** A range of addresses without some parts of it. Canonical texts. */
export interface IpBlock {
  readonly cidr: string;
  readonly except: readonly string[];
}

/** Either `ipBlock` stands alone, or at least one of the selectors is there. */
export interface NetworkPolicyPeer {
  readonly podSelector: LabelSelector | null;
  readonly namespaceSelector: LabelSelector | null;
  readonly ipBlock: IpBlock | null;
}

export interface NetworkPolicyPort {
  readonly protocol: Protocol;
  /** A number, a name, or null for all ports of the protocol. */
  readonly port: number | string | null;
  readonly endPort: number | null;
}

/** One item of `ingress` or `egress`. No peers: any peer. No ports: any protocol and port. */
export interface NetworkPolicyRule {
  readonly line: number | null;
  readonly peers: readonly NetworkPolicyPeer[];
  readonly ports: readonly NetworkPolicyPort[];
}

/** `networking.k8s.io/v1`, with its defaults filled in. */
export interface NetworkPolicyObject extends ObjectBase {
  readonly kind: "NetworkPolicy";
  readonly controls: ObjectControls;
  readonly podSelector: LabelSelector;
  readonly policyTypes: readonly ("Ingress" | "Egress")[];
  readonly ingress: readonly NetworkPolicyRule[];
  readonly egress: readonly NetworkPolicyRule[];
}

export interface NodeObject extends ObjectBase {
  readonly kind: "Node";
  readonly labels: Labels;
  /** Canonical texts. */
  readonly addresses: readonly string[];
  /** Ranges of its pods, canonical texts; missing: none yet. */
  readonly podCidrs?: readonly string[];
}

export interface ServiceObject extends ObjectBase {
  readonly kind: "Service";
  readonly labels: Labels;
  /** Null: its addresses are in EndpointSlice objects only. */
  readonly selector: Labels | null;
  /** Canonical texts of its own addresses; missing: it has none. */
  readonly clusterIps?: readonly string[];
}

/** Addresses behind a service. */
export interface EndpointSliceObject extends ObjectBase {
  readonly kind: "EndpointSlice";
  /** Of the service in the same namespace, from the label `kubernetes.io/service-name`; empty: of none. */
  readonly service: string;
  /** Canonical texts. */
  readonly addresses: readonly string[];
}

/** Objects that say who may talk to whom. */
export type PolicyKindObject = NetworkPolicyObject | CiliumPolicyObject | ClusterPolicyObject;

export type PolicyObject =
  | NamespaceObject
  | ServiceAccountObject
  | PodObject
  | NodeObject
  | ServiceObject
  | EndpointSliceObject
  | CiliumCidrGroupObject
  | PolicyKindObject;

export function isPolicyKind(object: PolicyObject): object is PolicyKindObject {
  return "controls" in object;
}

/** `KIND/NAMESPACE/NAME`; cluster-wide `KIND//NAME`. */
export function objectKey({ kind, namespace, name }: { kind: string; namespace: string; name: string }): string {
  return `${kind}/${namespace}/${name}`;
}

/** The label that every namespace has, with its own name. */
export const NAMESPACE_NAME_LABEL = "kubernetes.io/metadata.name";

/** What policy sees of a pod. */
export function subjectOf({ namespace, labels, serviceAccount, namedPorts }: PodObject): Subject {
  return { namespace, labels, serviceAccount, namedPorts };
}

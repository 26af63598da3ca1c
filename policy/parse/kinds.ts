import type { PolicyKindObject, PolicyObject } from "#policy/model/object.ts";
import { readCiliumCidrGroup } from "./cilium-cidr-group.ts";
import { ciliumPolicyReader } from "./cilium-policy.ts";
import { clusterDialects } from "./cluster-dialect.ts";
import { clusterPolicyReader } from "./cluster-policy.ts";
import { readEndpointSlice } from "./endpoint-slice.ts";
import type { KindReader } from "./kind-reader.ts";
import { dnsLabelFault, dnsNameFault } from "./names.ts";
import { readNamespace } from "./namespace.ts";
import { readNetworkPolicy } from "./network-policy.ts";
import { readNode } from "./node.ts";
import { readPod } from "./pod.ts";
import { readServiceAccount } from "./service-account.ts";
import { readService } from "./service.ts";

type Readers<T extends PolicyObject> = Readonly<Record<string, KindReader<T>>>;

/** A kind of objects. The last of its versions, by `apiVersion`, is taken for an item of a list that names none. */
export type Kind = { readonly scope: "namespaced" | "cluster"; readonly nameFault: (name: string) => string | null } & (
  | { readonly isPolicy: false; readonly versions: Readers<Exclude<PolicyObject, PolicyKindObject>> }
  | { readonly isPolicy: true; readonly versions: Readers<PolicyKindObject> }
);

const namespaced = { scope: "namespaced", nameFault: dnsNameFault } as const;
const cluster = { scope: "cluster", nameFault: dnsNameFault } as const;
const sig = "policy.networking.k8s.io";
const { v1alpha2, v1beta1, admin, baseline } = clusterDialects;

/** What `parseObjects` takes, by `kind`. */
export const KINDS: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ["Namespace", { ...cluster, nameFault: dnsLabelFault, isPolicy: false, versions: { v1: readNamespace } }],
  ["ServiceAccount", { ...namespaced, isPolicy: false, versions: { v1: readServiceAccount } }],
  ["Pod", { ...namespaced, isPolicy: false, versions: { v1: readPod } }],
  ["Node", { ...cluster, isPolicy: false, versions: { v1: readNode } }],
  ["Service", { ...namespaced, nameFault: dnsLabelFault, isPolicy: false, versions: { v1: readService } }],
  ["EndpointSlice", { ...namespaced, isPolicy: false, versions: { "discovery.k8s.io/v1": readEndpointSlice } }],
  ["NetworkPolicy", { ...namespaced, isPolicy: true, versions: { "networking.k8s.io/v1": readNetworkPolicy } }],
  [
    "CiliumNetworkPolicy",
    { ...namespaced, isPolicy: true, versions: { "cilium.io/v2": ciliumPolicyReader("CiliumNetworkPolicy") } },
  ],
  [
    "CiliumClusterwideNetworkPolicy",
    { ...cluster, isPolicy: true, versions: { "cilium.io/v2": ciliumPolicyReader("CiliumClusterwideNetworkPolicy") } },
  ],
  [
    "CiliumCIDRGroup",
    {
      ...cluster,
      isPolicy: false,
      versions: { "cilium.io/v2alpha1": readCiliumCidrGroup, "cilium.io/v2": readCiliumCidrGroup },
    },
  ],
  [
    "ClusterNetworkPolicy",
    {
      ...cluster,
      isPolicy: true,
      versions: {
        [`${sig}/v1alpha2`]: clusterPolicyReader(v1alpha2),
        [`${sig}/v1beta1`]: clusterPolicyReader(v1beta1),
      },
    },
  ],
  ["AdminNetworkPolicy", { ...cluster, isPolicy: true, versions: { [`${sig}/v1alpha1`]: clusterPolicyReader(admin) } }],
  [
    "BaselineAdminNetworkPolicy",
    { ...cluster, isPolicy: true, versions: { [`${sig}/v1alpha1`]: clusterPolicyReader(baseline) } },
  ],
]);

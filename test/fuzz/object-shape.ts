import * as z from "zod";
import { formatAddress, formatCidr, parseAddress, parseCidr } from "#policy/model/cidr.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { PORTLESS_PROTOCOLS, PROTOCOLS } from "#policy/model/protocol.ts";
import { ENTITIES } from "#policy/model/reserved.ts";

/** What the parser promises of every object that it gives, beyond its type: canonical texts, numbers in their ranges. */

const line = z.int().min(1).nullable();
const name = z.string().min(1).max(253);
const labels = z.record(z.string().min(1), z.string().max(63));
const port = z.int().min(1).max(65535);
const portName = z.string().regex(/^[-a-z0-9]{1,15}$/);
const cidr = z.string().refine((text) => {
  const parsed = parseCidr(text);
  return parsed !== null && formatCidr(parsed) === text;
}, "is no canonical CIDR");
const address = z.string().refine((text) => {
  const parsed = parseAddress(text);
  return parsed !== null && formatAddress(parsed) === text;
}, "is no canonical address");

const requirement = z
  .strictObject({
    key: z.string().min(1),
    operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist"]),
    values: z.array(z.string()),
  })
  .refine(
    ({ operator, values }) => values.length > 0 === operator.endsWith("In"),
    "has values exactly with In and NotIn",
  );
const selector = z.strictObject({
  matchLabels: z.record(z.string(), z.string()),
  matchExpressions: z.array(requirement),
});
const nameMatch = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("name"), name: z.string().regex(/^[-a-z0-9_.]*[^.]$/) }),
  z.strictObject({ kind: z.literal("pattern"), pattern: z.string().regex(/^[-a-z0-9_.*]*[^.]$/) }),
]);

const limit = z.int().min(1).max(1_000_000).exactOptional();
const controls = z.strictObject({
  staged: z.literal(true).exactOptional(),
  notAfter: z.int().exactOptional(),
  rate: limit,
  connections: limit,
});
const base = { namespace: z.string().max(63), name, source: z.strictObject({ file: z.string(), line }) };
const policyBase = { ...base, controls: z.strictObject({ object: controls, rules: z.record(z.string(), controls) }) };

const networkPolicyRule = z.strictObject({
  line,
  peers: z.array(
    z.strictObject({
      podSelector: selector.nullable(),
      namespaceSelector: selector.nullable(),
      ipBlock: z.strictObject({ cidr, except: z.array(cidr) }).nullable(),
    }),
  ),
  ports: z.array(
    z.strictObject({
      protocol: z.enum(PROTOCOLS),
      port: z.union([port, portName]).nullable(),
      endPort: port.nullable(),
    }),
  ),
});

const pods = { namespaces: selector, pods: selector };
const range = z
  .strictObject({ kind: z.literal("range"), protocol: z.enum(PROTOCOLS), first: port, last: port })
  .refine(({ first, last }) => first <= last, "ends before it begins");
const clusterRule = z.strictObject({
  line,
  action: z.enum(["Accept", "Deny", "Pass"]),
  peers: z
    .array(
      z.discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("pods"), ...pods }),
        z.strictObject({ kind: z.literal("nodes"), selector }),
        z.strictObject({ kind: z.literal("networks"), cidrs: z.array(cidr).min(1).max(25) }),
        z.strictObject({ kind: z.literal("names"), names: z.array(nameMatch).min(1).max(25) }),
      ]),
    )
    .min(1)
    .max(100),
  ports: z
    .array(
      z.union([
        z.strictObject({ kind: z.literal("all"), protocol: z.enum(PROTOCOLS) }),
        range,
        z.strictObject({ kind: z.literal("name"), name: portName }),
      ]),
    )
    .max(100),
});
const clusterPolicy = z.strictObject({
  ...policyBase,
  kind: z.enum(["ClusterNetworkPolicy", "AdminNetworkPolicy", "BaselineAdminNetworkPolicy"]),
  namespace: z.literal(""),
  tier: z.enum(["Admin", "Baseline"]),
  priority: z.int().min(0).max(1001),
  subject: z.strictObject(pods),
  ingress: z.array(clusterRule).max(100),
  egress: z.array(clusterRule).max(100),
});

const text = z.string().min(1).nullable();
const httpRule = z.strictObject({
  method: text,
  path: text,
  host: text,
  headers: z.array(z.string().min(1)),
  headerMatches: z.array(
    z.strictObject({
      name: z.string().min(1),
      value: text,
      mismatch: z.enum(["LOG", "ADD", "DELETE", "REPLACE"]).nullable(),
    }),
  ),
});
const kafkaRule = z.strictObject({
  role: z.enum(["produce", "consume"]).nullable(),
  apiKey: text,
  apiVersion: text,
  clientId: text,
  topic: text,
});
const l7 = z.discriminatedUnion("family", [
  z.strictObject({ family: z.literal("http"), rules: z.array(httpRule).min(1) }),
  z.strictObject({ family: z.literal("dns"), rules: z.array(nameMatch).min(1) }),
  z.strictObject({ family: z.literal("kafka"), rules: z.array(kafkaRule).min(1) }),
]);
const except = z.array(cidr);
const ciliumRule = z.strictObject({
  line,
  endpoints: z.array(selector).nullable(),
  cidrs: z
    .array(
      z.discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("cidr"), cidr, except }),
        z.strictObject({ kind: z.literal("group"), name, except }),
        z.strictObject({ kind: z.literal("groups"), selector, except }),
      ]),
    )
    .nullable(),
  entities: z.array(z.enum(ENTITIES)).nullable(),
  nodes: z.array(selector).nullable(),
  services: z
    .array(
      z.discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("name"), namespace: z.string(), name }),
        z.strictObject({ kind: z.literal("labels"), namespace: z.string(), selector }),
      ]),
    )
    .nullable(),
  names: z.array(nameMatch).nullable(),
  requires: z.array(selector),
  ports: z
    .array(
      z.strictObject({
        ports: z.array(
          z.strictObject({
            protocol: z.enum([...PROTOCOLS, "ICMP", "ICMPv6", ...PORTLESS_PROTOCOLS, "ANY"]),
            port: z.union([port, portName]).nullable(),
            endPort: port.nullable(),
          }),
        ),
        serverNames: z.array(z.string().min(1)),
        l7: l7.nullable(),
      }),
    )
    .nullable(),
  icmps: z.array(z.strictObject({ protocol: z.enum(["ICMP", "ICMPv6"]), type: z.int().min(0).max(255) })).nullable(),
});
const section = z.array(ciliumRule);
const ciliumSpec = z
  .strictObject({
    prefix: z.string().regex(/^(specs\[[0-9]+\]\.)?$/),
    endpoints: selector.nullable(),
    nodes: selector.nullable(),
    ingress: section,
    ingressDeny: section,
    egress: section,
    egressDeny: section,
    defaultDeny: z.strictObject({ ingress: z.boolean(), egress: z.boolean() }),
  })
  .refine(({ endpoints, nodes }) => (endpoints === null) !== (nodes === null), "is about pods or nodes");

/** Every object that the parser accepts has this shape, and nothing more. */
export const objectShape: z.ZodType<PolicyObject> = z.discriminatedUnion("kind", [
  z.strictObject({ ...base, kind: z.literal("Namespace"), labels, ipPool: z.string().exactOptional() }),
  z.strictObject({ ...base, kind: z.literal("ServiceAccount"), labels }),
  z.strictObject({
    ...base,
    kind: z.literal("Pod"),
    labels,
    serviceAccount: name,
    namedPorts: z.array(z.strictObject({ name: portName, protocol: z.enum(PROTOCOLS), port })),
    addresses: z.array(address),
    hostNetwork: z.boolean(),
    ipPool: z.string().exactOptional(),
    stickyIp: z.literal(true).exactOptional(),
    owner: z.strictObject({ kind: z.string().min(1), name: z.string().min(1) }).exactOptional(),
  }),
  z.strictObject({
    ...base,
    kind: z.literal("Node"),
    labels,
    addresses: z.array(address),
    podCidrs: z.array(cidr).exactOptional(),
  }),
  z.strictObject({
    ...base,
    kind: z.literal("Service"),
    labels,
    selector: labels.nullable(),
    clusterIps: z.array(address).min(1).exactOptional(),
  }),
  z.strictObject({ ...base, kind: z.literal("EndpointSlice"), service: z.string(), addresses: z.array(address) }),
  z.strictObject({ ...base, kind: z.literal("CiliumCIDRGroup"), labels, cidrs: z.array(cidr) }),
  z.strictObject({
    ...policyBase,
    kind: z.literal("NetworkPolicy"),
    podSelector: selector,
    policyTypes: z.array(z.enum(["Ingress", "Egress"])).min(1),
    ingress: z.array(networkPolicyRule),
    egress: z.array(networkPolicyRule),
  }),
  z.strictObject({
    ...policyBase,
    kind: z.enum(["CiliumNetworkPolicy", "CiliumClusterwideNetworkPolicy"]),
    specs: z.array(ciliumSpec).min(1),
  }),
  clusterPolicy,
]);

import { expect, test } from "vitest";
import { lint } from "#policy/lint/lint.ts";
import type { PodObject, PolicyObject } from "#policy/model/object.ts";
import { ciliumPolicy, ciliumRule, onPort, portItem } from "#test/support/cilium-objects.ts";
import {
  clusterPolicy,
  clusterRule,
  kubernetesPolicy,
  kubernetesRule,
  labelled,
  namespace,
  peerOf,
  source,
} from "#test/support/policy-objects.ts";
import { Random } from "#test/support/random.ts";

const PODS = 5000;
const POLICIES = 2000;
const NAMESPACES = 100;
const LIMIT = 10_000;

const app = (random: Random): ReturnType<typeof labelled> => labelled({ app: `app-${random.integer(0, 9)}` });
const port = (random: Random): number => random.integer(1, 100);

/** What many namespaces have: policies of each language about their apps. */
function usual(random: Random, i: number): PolicyObject {
  const place = { name: `p-${i}`, namespace: `ns-${i % NAMESPACES}` };
  if (i % 50 === 0) return clusterPolicy({ name: `p-${i}`, priority: i >> 1, ingress: [clusterRule("Deny")] });
  if (i % 3 === 0) {
    const rule = ciliumRule({ endpoints: [app(random)], ports: [portItem([onPort(port(random))])] });
    const block = { kind: "cidr", cidr: `192.168.${random.integer(0, 255)}.0/24`, except: [] } as const;
    return ciliumPolicy({ endpoints: app(random), ingress: [rule], egress: [ciliumRule({ cidrs: [block] })] }, place);
  }
  const peers = [peerOf({ podSelector: app(random) }), peerOf({ namespaceSelector: labelled({ team: "1" }) })];
  const ports = [{ protocol: "TCP", port: port(random), endPort: null } as const];
  return kubernetesPolicy({
    ...place,
    podSelector: app(random),
    ingress: peers.map((peer) => kubernetesRule({ peers: [peer], ports })),
  });
}

/** All for the same pods, each about a peer or port of its own: what would be quadratic if all were compared with all. */
function crowded(_: Random, i: number): PolicyObject {
  if (i % 4 === 0)
    return clusterPolicy({ name: `p-${i}`, priority: i >> 1, egress: [clusterRule("Deny"), clusterRule("Accept")] });
  const ports = [{ protocol: "TCP", port: i + 1, endPort: null } as const];
  const cidr = `10.${i >> 8}.${i & 255}.0/24`;
  const peers = [peerOf({ ipBlock: { cidr, except: [] } }), peerOf({ podSelector: labelled({ app: `app-${i}` }) })];
  const rules = [kubernetesRule({ ports }), kubernetesRule({ peers })];
  return kubernetesPolicy({ name: `p-${i}`, namespace: "ns-0", ingress: rules, egress: rules });
}

test.each([
  ["of many namespaces", usual],
  ["all for the pods of one", crowded],
])(`${POLICIES} policies %s and ${PODS} pods`, (_, make) => {
  const random = new Random(1);
  const pods = Array.from({ length: PODS }, (_, i): PodObject => {
    const labels = { app: `app-${random.integer(0, 9)}`, version: `v${random.integer(1, 3)}` };
    const place = { namespace: `ns-${i % NAMESPACES}`, name: `pod-${i}`, source };
    return {
      kind: "Pod",
      ...place,
      labels,
      serviceAccount: "default",
      namedPorts: [],
      addresses: [],
      hostNetwork: false,
    };
  });
  const namespaces = Array.from({ length: NAMESPACES }, (_, i) => namespace(`ns-${i}`, { team: `${i % 7}` }));
  const objects = [...namespaces, ...pods, ...Array.from({ length: POLICIES }, (_, i) => make(random, i))];
  const before = performance.now();
  expect(lint(objects).length).toBeGreaterThan(0);
  expect(performance.now() - before).toBeLessThan(LIMIT);
});

import { expect, test } from "vitest";
import type { Flow, Party } from "#policy/model/flow.ts";
import { suggest } from "#policy/suggest/suggest.ts";
import type { SuggestOptions, SuggestedPolicy } from "#policy/suggest/suggestion.ts";
import { HOST, pod } from "#test/support/policy-objects.ts";

const web = pod("shop/web", "10.0.0.1");
const db = pod("shop/db", "10.0.0.2");
const dns = pod("kube-system/dns", "10.0.0.3");
const outside = (address: string, ...names: string[]): Party => ({ reserved: "world", address, names });
const to = (destination: Party, port: number, protocol: Flow["protocol"] = "TCP"): Flow => {
  return { source: web, destination, protocol, port };
};

/** The policy of the web pods, and what is remarked of it. */
function written(flows: readonly Flow[], options: SuggestOptions): SuggestedPolicy {
  const found = suggest([], flows, options).policies.find(({ name }) => name === "web");
  expect(found).toBeDefined();
  return found as SuggestedPolicy;
}

const kubernetes = (...flows: Flow[]): SuggestedPolicy => written(flows, { as: "kubernetes" });
const cilium = (...flows: Flow[]): SuggestedPolicy => written(flows, { as: "cilium" });

test("peers with the same ports share a rule, and ports in a row are a range", () => {
  const ports = [80, 81, 82, 90, 91];
  const { manifest } = kubernetes(...[db, outside("192.0.2.1")].flatMap((one) => ports.map((port) => to(one, port))));
  expect(manifest["spec"]).toEqual({
    podSelector: { matchLabels: { app: "web" } },
    policyTypes: ["Ingress", "Egress"],
    ingress: [],
    egress: [
      {
        to: [{ podSelector: { matchLabels: { app: "db" } } }, { ipBlock: { cidr: "192.0.2.1/32" } }],
        ports: [
          { protocol: "TCP", port: 80, endPort: 82 },
          { protocol: "TCP", port: 90 },
          { protocol: "TCP", port: 91 },
        ],
      },
    ],
  });
});

test("Cilium: each kind of peers has a rule of its own, ICMP too, and an empty rule isolates", () => {
  const flows = [to(db, 80), to(outside("2001:db8::1"), 80), to(HOST, 80), to(db, 8, "ICMP"), to(db, 0, "VRRP")];
  const ports = [{ ports: [{ port: "80", protocol: "TCP" }] }];
  expect(cilium(...flows).manifest["spec"]).toEqual({
    endpointSelector: { matchLabels: { app: "web" } },
    ingress: [{}],
    egress: [
      { toEntities: ["host"], toPorts: ports },
      { toCIDR: ["2001:db8::1/128"], toPorts: ports },
      {
        toEndpoints: [{ matchLabels: { app: "db" } }],
        toPorts: [{ ports: [{ port: "80", protocol: "TCP" }, { protocol: "VRRP" }] }],
      },
      { toEndpoints: [{ matchLabels: { app: "db" } }], icmps: [{ fields: [{ family: "IPv4", type: 8 }] }] },
    ],
  });
});

test("Cilium: names that were seen, with a look into DNS", () => {
  const { manifest, remarks } = cilium(to(dns, 53, "UDP"), to(outside("192.0.2.1", "b.example", "a.example"), 443));
  expect(manifest).toMatchObject({
    spec: {
      egress: [
        {
          toEndpoints: [{ matchLabels: { "k8s:io.kubernetes.pod.namespace": "kube-system", app: "dns" } }],
          toPorts: [{ ports: [{ port: "53", protocol: "UDP" }], rules: { dns: [{ matchPattern: "*" }] } }],
        },
        { toFQDNs: [{ matchName: "a.example" }, { matchName: "b.example" }] },
      ],
    },
  });
  expect(remarks).toEqual([]);
});

test("Cilium: names that nobody asked for, and DNS servers with a name, are known by their address", () => {
  const alone = cilium(to(outside("192.0.2.1", "a.example"), 443));
  expect(alone.manifest).toMatchObject({ spec: { egress: [{ toCIDR: ["192.0.2.1/32"] }] } });
  expect(alone.remarks).toEqual(["to 192.0.2.1 (a.example): by its address, because no DNS query was seen (port 53)"]);
  const server = cilium(to(outside("192.0.2.53", "dns.example"), 53, "UDP"));
  expect(server.manifest).toMatchObject({ spec: { egress: [{ toCIDR: ["192.0.2.53/32"] }] } });
});

test("NetworkPolicy: what it has no words for is remarked", () => {
  const remote: Party = { reserved: "remote-node", address: "192.168.0.9" };
  const flows = [
    to(remote, 80),
    to(db, 8, "ICMP"),
    to({ reserved: "ingress" }, 80),
    to(outside("192.0.2.1", "a.example"), 80),
  ];
  const { remarks } = kubernetes(...flows);
  expect(remarks).toEqual([
    "to ingress: left out, a NetworkPolicy knows it by no address",
    "to remote-node 192.168.0.9: by its address, for which a NetworkPolicy has no name",
    "to 192.0.2.1 (a.example): by its address, which may change",
    "to shop/app=db: ICMP type 8 left out, a NetworkPolicy cannot name it",
  ]);
  const denied = suggest([], flows).denied.map(({ destination }) => destination);
  expect(denied).toEqual([db, { reserved: "ingress" }]);
});

test("many addresses of one /24 are a range, if that is wanted and nobody of the cluster is in it", () => {
  const flows = [1, 2, 3, 4].flatMap((i) => [to(outside(`192.0.2.${i}`), 443), to(outside(`10.0.0.${100 + i}`), 443)]);
  flows.push(to(outside("198.51.100.1"), 443));
  const blocks = (aggregate: boolean): unknown => {
    const { manifest } = written([...flows, to(db, 5432)], { aggregate });
    const [rule] = (manifest["spec"] as { egress: { to: { ipBlock?: { cidr: string } }[] }[] }).egress.filter(
      (one) => one.to[0]?.ipBlock,
    );
    return rule?.to.map(({ ipBlock }) => ipBlock?.cidr);
  };
  expect(blocks(false)).toHaveLength(9);
  const object = {
    kind: "Pod",
    name: "db-0",
    source: { file: "pods.yaml", line: 1 },
    ...db.subject,
    addresses: ["10.0.0.2"],
    hostNetwork: false,
  } as const;
  expect(blocks(true)).toEqual(["10.0.0.0/24", "192.0.2.0/24", "198.51.100.1/32"]);
  const [, policy] = suggest([object], [...flows, to(db, 5432)], { aggregate: true }).policies;
  expect(JSON.stringify(policy)).not.toContain("10.0.0.0/24");
});

test("only one namespace's policies, if one is named; and the same for flows in any order", () => {
  const flows = [to(dns, 53, "UDP"), to(db, 80), to(outside("192.0.2.1"), 443)];
  expect(suggest([], flows, { namespace: "kube-system" }).policies.map(({ name }) => name)).toEqual(["dns"]);
  expect(suggest([], flows.toReversed())).toMatchObject({ policies: suggest([], flows).policies });
});

test("what a pod says to itself, and what comes from its node, needs no rule", () => {
  const { manifest } = kubernetes(to(web, 80), { source: HOST, destination: web, protocol: "TCP", port: 80 });
  expect(manifest).toMatchObject({ spec: { ingress: [], egress: [] } });
});

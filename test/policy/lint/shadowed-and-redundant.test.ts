import { expect, test } from "vitest";
import { ciliumText, clusterText, clusterwideText, messages, networkPolicy } from "#test/support/lint-text.ts";

const shadowed = (text: string): string[] => messages("shadowed", text);
const redundant = (text: string): string[] => messages("redundant", text);
const ANYHOW = "whatever pods there are";

const web = "{podSelector: {matchLabels: {app: web}}}";
const from = (rules: string): string => networkPolicy(`{podSelector: {}, ingress: [${rules}]}`);

test("a rule that a wider one covers is redundant", () => {
  expect(redundant(from(`{from: [{podSelector: {}}]}, {from: [${web}], ports: [{port: 80}]}`))).toEqual([
    `ingress[1]: changes nothing, ${ANYHOW}: NetworkPolicy shop/p ingress[0] says the same`,
  ]);
  expect(redundant(from(`{from: [${web}]}, {from: [{podSelector: {}}], ports: [{port: 80}]}`))).toEqual([]);
});

test("of two equal rules the later one is redundant, and only that", () => {
  expect(redundant(from(`{from: [${web}]}, {from: [${web}]}`))).toHaveLength(1);
});

test("several rules together can cover one", () => {
  const range = (port: number, endPort: number): string =>
    `{from: [${web}], ports: [{port: ${port}, endPort: ${endPort}}]}`;
  const rules = [range(80, 85), range(86, 90), range(84, 88)];
  expect(redundant(from(rules.join(", ")))).toEqual([
    `ingress[2]: changes nothing, ${ANYHOW}: NetworkPolicy shop/p ingress[0] and NetworkPolicy shop/p ingress[1] say the same`,
  ]);
  expect(redundant(from([range(80, 85), range(87, 90), range(84, 88)].join(", ")))).toEqual([]);
});

test("so can ranges of addresses, but for what they except", () => {
  const block = (cidr: string, except = ""): string => `{from: [{ipBlock: {cidr: ${cidr}, except: [${except}]}}]}`;
  expect(redundant(from([block("10.0.0.0/9"), block("10.128.0.0/9"), block("10.0.0.0/8")].join(", ")))).toHaveLength(1);
  expect(redundant(from([block("10.0.0.0/8", "10.1.0.0/16"), block("10.2.0.0/16")].join(", ")))).toHaveLength(1);
  expect(redundant(from([block("10.0.0.0/8", "10.1.0.0/16"), block("10.1.2.0/24")].join(", ")))).toEqual([]);
  expect(
    redundant(from([block("10.0.0.0/8", "10.1.0.0/16"), block("10.1.0.0/16"), block("10.1.2.0/24")].join(", "))),
  ).toHaveLength(1);
});

test("where an exception and what fills it do not meet, some addresses stay", () => {
  const block = (cidr: string, more: string): string => `{from: [{ipBlock: {cidr: ${cidr}}}], ${more}}`;
  const rules = (filling: string): string =>
    from(
      [
        "{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}]}",
        block(filling, ""),
        block("10.0.0.0/8", "ports: [{port: 80}]"),
      ].join(", "),
    );
  expect(redundant(rules("10.1.0.0/17"))).toEqual([]);
  expect(redundant(rules("10.1.0.0/16"))).toHaveLength(1);
});

test("addresses outside of the cluster do not cover all addresses, but the other way round", () => {
  const outside = ciliumText("{endpointSelector: {}, ingress: [{fromCIDR: [10.0.0.0/8]}]}");
  const any = from("{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}");
  expect(redundant(outside + any)).toEqual([
    `ingress[0]: changes nothing, ${ANYHOW}: NetworkPolicy shop/p ingress[0] says the same`,
  ]);
});

test("what is required of pods is more than what a rule allows, and takes from rules that would cover", () => {
  const rule = (more: string): string => `{fromEndpoints: [{matchLabels: {app: web}}], ${more}}`;
  const all = "{fromEndpoints: [{}]}";
  const text = (more: string): string => ciliumText(`{endpointSelector: {}, ingress: [${all}, ${rule(more)}]}`);
  expect(redundant(text(""))).toHaveLength(1);
  const required = "fromRequires: [{matchLabels: {tier: front}}]";
  expect(redundant(text(required))).toEqual([]);
  // A NetworkPolicy's own pods are not narrowed, those of the rule that would cover them are.
  const plain = from(`{from: [${web}]}`);
  expect(redundant(plain + ciliumText(`{endpointSelector: {}, ingress: [${all}]}`))).toHaveLength(1);
  expect(redundant(plain + ciliumText(`{endpointSelector: {}, ingress: [${all}, {${required}}]}`))).toEqual([]);
});

test("what is for fewer subjects covers nothing", () => {
  const all = from(`{from: [${web}]}`);
  const some = networkPolicy(`{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {}}]}]}`, "some");
  expect(redundant(all + some)).toEqual([]);
});

test("a port's name is covered as the pods that are known call it", () => {
  const policy = networkPolicy(
    `{podSelector: {matchLabels: {app: db}}, ingress: [{ports: [{port: 5432}]}, {ports: [{port: sql}]}]}`,
  );
  expect(redundant(policy)).toEqual([
    "ingress[1]: changes nothing, for the pods that are known now: NetworkPolicy shop/p ingress[0] says the same",
  ]);
});

test("a deny for more pods shadows an allow", () => {
  const deny = clusterwideText("{endpointSelector: {}, ingressDeny: [{fromEntities: [cluster]}]}");
  expect(shadowed(from(`{from: [${web}]}`) + deny)).toEqual([
    `ingress[0]: never decides, ${ANYHOW}: CiliumClusterwideNetworkPolicy cc ingressDeny[0] always decides first`,
  ]);
});

test("Admin shadows the tiers below it, unless it may pass before", () => {
  const accept = "{action: Accept, from: [{namespaces: {}}]}";
  const below = from(`{from: [${web}]}`);
  expect(shadowed(below + clusterText(5, `ingress: [${accept}]`))).toHaveLength(1);
  const pass = clusterText(1, "ingress: [{action: Pass, from: [{namespaces: {matchLabels: {team: shop}}}]}]");
  expect(shadowed(below + clusterText(5, `ingress: [${accept}]`) + pass)).toEqual([]);
});

test("what isolates shadows the Baseline tier", () => {
  const baseline = (subject: string): string => `---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: base}
spec:
  tier: Baseline
  priority: 1
  subject: {pods: {namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}, podSelector: {${subject}}}}
  ingress: [{action: Deny, from: [{namespaces: {}}]}]
`;
  expect(shadowed(from("{}") + baseline(""))).toEqual([
    `ingress[0]: never decides, ${ANYHOW}: NetworkPolicy shop/p ingress isolates its subjects`,
  ]);
  expect(shadowed(networkPolicy("{podSelector: {matchLabels: {app: web}}, ingress: [{}]}") + baseline(""))).toEqual([]);
});

test("where order counts, a later rule of the same word covers, if none of another stands between", () => {
  const rule = (action: string, labels: string): string =>
    `{action: ${action}, from: [{pods: {namespaceSelector: {}, podSelector: {matchLabels: ${labels}}}}]}`;
  const rules = (...list: string[]): string => clusterText(5, `ingress: [${list.join(", ")}]`);
  expect(redundant(rules(rule("Deny", "{app: web}"), rule("Deny", "{}")))).toHaveLength(1);
  const between = rule("Accept", "{tier: front}");
  expect(redundant(rules(rule("Deny", "{app: web}"), between, rule("Deny", "{}")))).toEqual([]);
  const beside = rule("Accept", "{app: db}");
  expect(redundant(rules(rule("Deny", "{app: web}"), beside, rule("Deny", "{}")))).toHaveLength(1);
});

test("what is staged, ends earlier or is limited covers nothing of what is not", () => {
  const wide = (annotation: string): string => `---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: wide, namespace: shop, annotations: {${annotation}}}
spec: {podSelector: {}, ingress: [{}]}
`;
  const narrow = from(`{from: [${web}]}`);
  expect(redundant(narrow + wide(""))).toHaveLength(1);
  for (const annotation of [
    "weir.io/stage: audit",
    "weir.io/not-after: '2027-01-01T00:00:00Z'",
    "weir.io/rate-limit: 5/s",
  ]) {
    expect(redundant(narrow + wide(annotation)), annotation).toEqual([]);
  }
});

test("an L7 rule is covered by one that lets through the same requests", () => {
  const rule = (rules: string): string =>
    `{toEndpoints: [{}], toPorts: [{ports: [{port: '80', protocol: TCP}], rules: {http: [${rules}]}}]}`;
  const egress = (...rules: string[]): string => ciliumText(`{endpointSelector: {}, egress: [${rules.join(", ")}]}`);
  expect(redundant(egress(rule("{method: GET}, {method: PUT}"), rule("{method: GET}")))).toHaveLength(1);
  expect(redundant(egress(rule("{method: PUT}"), rule("{method: GET}")))).toEqual([]);
});

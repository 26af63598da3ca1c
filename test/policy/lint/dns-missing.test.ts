import { expect, test } from "vitest";
import { ciliumText, clusterwideText, messages, networkPolicy } from "#test/support/lint-text.ts";

const told = (text: string): string[] => messages("dns-missing", text);
const names = "{toFQDNs: [{matchName: example.com}]}";
const dns = (rules: string): string =>
  `{toEndpoints: [{matchLabels: {io.kubernetes.pod.namespace: kube-system, k8s-app: kube-dns}}],
    toPorts: [{ports: [{port: '53', protocol: UDP}], ${rules}}]}`;
const seen = dns("rules: {dns: [{matchPattern: '*'}]}");
const web = "{matchLabels: {app: web}}";
const egress = (...rules: string[]): string => ciliumText(`{endpointSelector: ${web}, egress: [${rules.join(", ")}]}`);

test("names without leave to ask for them", () => {
  expect(told(egress(names))).toEqual([
    "egress[0]: is about DNS names, but nothing allows all its pods to ask for a name (port 53)",
  ]);
});

test("names, and DNS that nobody looks into", () => {
  expect(told(egress(dns(""), names))).toEqual([
    "egress[1]: is about DNS names, but nothing that allows port 53 has dns rules, so no answers are seen",
  ]);
  expect(told(egress(seen, names))).toEqual([]);
});

test("another policy for these pods may look into DNS", () => {
  expect(told(egress(names) + clusterwideText(`{endpointSelector: {}, egress: [${seen}]}`))).toEqual([]);
  const front = `{matchLabels: {tier: front}}`;
  const other = ciliumText(`{endpointSelector: ${front}, egress: [${seen}]}`, "dns");
  expect(told(egress(names) + other), "all known pods of the one are of the other").toEqual([]);
  expect(messages("dns-missing", egress(names) + other, { cluster: "" }), "without pods that is not sure").toHaveLength(
    1,
  );
  expect(told(egress(names) + other.replace("front", "back"))).toHaveLength(1);
});

test("pods that are not isolated may ask anyhow", () => {
  const open = ciliumText(`{endpointSelector: ${web}, enableDefaultDeny: {egress: false}, egress: [${names}]}`);
  expect(told(open)).toEqual([]);
  expect(told(open + networkPolicy("{podSelector: {}, policyTypes: [Egress]}"))).toHaveLength(1);
});

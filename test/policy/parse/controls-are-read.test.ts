import { expect, test } from "vitest";
import type { ObjectControls } from "#policy/model/controls.ts";
import { isPolicyKind } from "#policy/model/object.ts";
import { parseObjects } from "#policy/parse/objects.ts";

const NP = "apiVersion: networking.k8s.io/v1, kind: NetworkPolicy";
const CNP = "apiVersion: cilium.io/v2, kind: CiliumNetworkPolicy";
const KNP = "apiVersion: policy.networking.k8s.io/v1beta1, kind: ClusterNetworkPolicy";

/** The controls of a policy with rules of every section that its kind has. */
function controlsOf(head: string, metadata: string): ObjectControls {
  const rules = head === NP ? "[{}, {}]" : "[{action: Accept, from: [{namespaces: {}}]}]";
  const spec = "{endpointSelector: {}, ingress: [{fromEntities: [all]}], egressDeny: [{toEntities: [world]}]}";
  const body =
    head === CNP
      ? `spec: ${spec}, specs: [${spec}, ${spec}]`
      : `spec: {${head === KNP ? "tier: Admin, priority: 1, subject: {namespaces: {}}, " : ""}ingress: ${rules}}`;
  const parsed = parseObjects(`{${head}, metadata: {name: p, ${metadata}}, ${body}}`, "f");
  expect(parsed).toMatchObject({ ok: true });
  const object = parsed.ok ? parsed.objects[0] : undefined;
  return object && isPolicyKind(object) ? object.controls : { object: {}, rules: {} };
}

const annotations = (...pairs: [string, string][]): string =>
  `annotations: {${pairs.map(([name, value]) => `weir.io/${name}: "${value}"`).join(", ")}}`;

test("a rule about requests may let connections pass without the proxy", () => {
  expect(controlsOf(CNP, annotations(["proxy-failure", "specs[0].ingress[0]=open"]))).toEqual({
    object: {},
    rules: { "specs[0].ingress[0]": { failsOpen: true } },
  });
});

test("without annotations nothing is controlled", () => {
  expect(controlsOf(NP, "annotations: {example.com/stage: x}, labels: {a: b}")).toEqual({ object: {}, rules: {} });
});

test.each([NP, CNP, KNP])("values for the whole object: %s", (head) => {
  const given = annotations(
    ["stage", "audit"],
    ["not-after", "2026-12-31T00:00:00Z"],
    ["rate-limit", "100/s"],
    ["connection-limit", "10"],
  );
  const object = { staged: true, notAfter: Date.UTC(2026, 11, 31), rate: 100, connections: 10 };
  expect(controlsOf(head, given)).toEqual({ object, rules: {} });
});

test("values for single rules", () => {
  const given = annotations(
    ["stage", "ingress[0]=audit, specs[1].egressDeny[0]=audit"],
    ["rate-limit", "ingress[0]=1000000/s,specs[0].ingress[0]=1/s"],
    ["connection-limit", "7"],
  );
  expect(controlsOf(CNP, given)).toEqual({
    object: { connections: 7 },
    rules: {
      "ingress[0]": { staged: true, rate: 1_000_000 },
      "specs[0].ingress[0]": { rate: 1 },
      "specs[1].egressDeny[0]": { staged: true },
    },
  });
});

test("a label stages the whole object", () => {
  expect(controlsOf(NP, "labels: {weir.io/stage: audit}")).toEqual({ object: { staged: true }, rules: {} });
  const both = `labels: {weir.io/stage: audit}, ${annotations(["stage", "audit"])}`;
  expect(controlsOf(KNP, both)).toEqual({ object: { staged: true }, rules: {} });
});

test.each([
  ["2026-12-31T00:00:00Z", "2026-12-31T00:00:00.000Z"],
  ["2026-12-31t01:02:03.456789+02:30", "2026-12-30T22:32:03.456Z"],
  ["2028-02-29T23:59:59.9-23:59", "2028-03-01T23:58:59.900Z"],
  ["1969-12-31T23:59:59z", "1969-12-31T23:59:59.000Z"],
])("the instant %s", (text, instant) => {
  expect(controlsOf(NP, annotations(["not-after", text])).object.notAfter).toBe(Date.parse(instant));
});

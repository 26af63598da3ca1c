import { expect, test } from "vitest";
import { formatLocatedError } from "#policy/parse/located-error.ts";
import { parseObjects } from "#policy/parse/objects.ts";

const read = (kind: string, annotations: string) =>
  parseObjects(`apiVersion: v1\nkind: ${kind}\nmetadata:\n  name: web\n  annotations:\n    ${annotations}\n`, "f.yaml");

function bandwidthOf(annotations: string): unknown {
  const parsed = read("Pod", annotations);
  if (!parsed.ok) return parsed.errors.map(formatLocatedError);
  const [pod] = parsed.objects;
  return pod?.kind === "Pod" ? pod.bandwidth : pod;
}

const egress = "kubernetes.io/egress-bandwidth";
const ingress = "kubernetes.io/ingress-bandwidth";

test.for([
  [`${egress}: 10M`, { egress: 10_000_000, ingress: null }],
  [`${ingress}: 1.5Gi`, { egress: null, ingress: 1_610_612_736 }],
  [`{${egress}: 100k, ${ingress}: "1e6"}`, { egress: 100_000, ingress: 1_000_000 }],
  ["kubernetes.io/other: 10M", undefined],
] as const)("a Pod with %s", ([annotations, bandwidth]) => {
  expect(bandwidthOf(annotations)).toEqual(bandwidth);
});

test.for([
  [
    `${egress}: fast`,
    `f.yaml:6:37: metadata.annotations.${egress}: "fast" is no quantity of bits a second, such as 10M, 1.5Gi or 100k`,
  ],
  [`${ingress}: "999"`, `f.yaml:6:38: metadata.annotations.${ingress}: "999" is not from 1k to 1P bits a second`],
  [`${ingress}: 2P`, `f.yaml:6:38: metadata.annotations.${ingress}: "2P" is not from 1k to 1P bits a second`],
  [
    `${egress}: 1000000`,
    `f.yaml:6:37: metadata.annotations.${egress}: is the number 1000000, not a string; put it in quotes`,
  ],
] as const)("a Pod with %s is refused, with the place", ([annotations, error]) => {
  expect(bandwidthOf(annotations)).toEqual([error]);
});

test("what is no Pod may have such annotations: they say nothing of it", () => {
  expect(read("Service", `${egress}: fast`).ok).toBe(true);
});

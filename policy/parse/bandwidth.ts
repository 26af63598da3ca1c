import type { PodBandwidth } from "#policy/model/bandwidth.ts";
import { parseQuantity } from "./quantity.ts";
import type { Entry } from "./reader.ts";

/** The annotations by which Kubernetes limits what a pod sends and receives. */
const ANNOTATIONS = {
  "kubernetes.io/egress-bandwidth": "egress",
  "kubernetes.io/ingress-bandwidth": "ingress",
} as const;

/** Bits a second, as kubelet has them. */
const LEAST = 1_000n;
const MOST = 1_000_000_000_000_000n;

/** Reads a Pod's annotations; null where none limits it. What is wrong with one is reported. */
export function readBandwidth(annotations: readonly Entry[]): PodBandwidth | null {
  const bandwidth: { egress: number | null; ingress: number | null } = { egress: null, ingress: null };
  for (const { name, value } of annotations) {
    const direction = Object.hasOwn(ANNOTATIONS, name) ? ANNOTATIONS[name as keyof typeof ANNOTATIONS] : null;
    const text = direction && value.text(bandwidthFault);
    if (direction && text !== null) bandwidth[direction] = Number(parseQuantity(text));
  }
  return bandwidth.egress === null && bandwidth.ingress === null ? null : bandwidth;
}

function bandwidthFault(text: string): string | null {
  const rate = parseQuantity(text);
  if (rate === null) return "is no quantity of bits a second, such as 10M, 1.5Gi or 100k";
  return rate >= LEAST && rate <= MOST ? null : "is not from 1k to 1P bits a second";
}

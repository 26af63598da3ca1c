import { PodIndex, podMatchKey } from "#policy/compile/pod-index.ts";
import type { Labels, Subject } from "#policy/model/identity.ts";
import type { PodMatch } from "#policy/model/rule.ts";
import { type Selector, formatSelector, matchesSelector } from "#policy/model/selector.ts";
import { usedNames } from "./port-segments.ts";
import type { World } from "./world.ts";

/** What the rules of one world see of pods and nodes, as texts: with equal ones no rule tells them apart. */
export class PartySignatures {
  readonly #pods: PodIndex<number>;
  readonly #nodes: readonly Selector[];
  readonly #namedPorts: ReturnType<typeof usedNames>;

  constructor(world: World) {
    const pods = new Map<string, PodMatch>();
    const nodes = new Map<string, Selector>();
    for (const { subjects, requires } of world.policies) {
      if (subjects.kind === "pods") pods.set(podMatchKey(subjects), subjects);
      else nodes.set(formatSelector(subjects.labels), subjects.labels);
      for (const one of [...requires.ingress, ...requires.egress]) pods.set(podMatchKey(one.pods), one.pods);
    }
    for (const peer of world.peers()) {
      if (peer.kind === "pods") pods.set(podMatchKey(peer), peer);
      else if (peer.kind === "nodes") nodes.set(formatSelector(peer.labels), peer.labels);
    }
    this.#pods = new PodIndex(world.namespaces);
    for (const [i, match] of [...pods.values()].entries()) this.#pods.add(match, i);
    this.#nodes = [...nodes.values()];
    this.#namedPorts = usedNames(world);
  }

  ofPod(subject: Subject): string {
    const matches = this.#pods.find(subject).sort((a, b) => a - b);
    return `${matches.join(",")}|${this.#namedPorts(subject.namedPorts)}`;
  }

  /** @param labels Undefined: no policy about nodes governs it. */
  ofNode(labels: Labels | undefined): string {
    const matches = this.#nodes.flatMap((selector, i) => (matchesSelector(selector, labels ?? {}) ? i : []));
    return `${labels ? "" : "unlabelled "}${matches.join(",")}`;
  }
}

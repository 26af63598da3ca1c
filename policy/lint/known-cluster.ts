import { demandedLabel, podMatchKey } from "#policy/compile/pod-index.ts";
import { Namespaces } from "#policy/model/namespaces.ts";
import { type NodeObject, type PodObject, type PolicyObject, subjectOf } from "#policy/model/object.ts";
import type { NamespaceMatch, PodMatch } from "#policy/model/rule.ts";
import { type Selector, matchesSelector } from "#policy/model/selector.ts";

/** Who there is by the objects, and of what they say nothing. */
export class KnownCluster {
  readonly namespaces: Namespaces;
  readonly kinds: ReadonlySet<PolicyObject["kind"]>;
  readonly nodes: readonly NodeObject[];
  /** Of Namespace objects, and those that pods are in. */
  readonly #namespaceNames: readonly string[];
  readonly #withPods: ReadonlySet<string>;
  /** By namespace, and by namespace and label. */
  readonly #drawers = new Map<string, PodObject[]>();
  readonly #onHosts: readonly PodObject[];
  readonly #found = new Map<string, readonly PodObject[]>();

  constructor(objects: readonly PolicyObject[]) {
    this.namespaces = new Namespaces(objects);
    this.kinds = new Set(objects.map(({ kind }) => kind));
    this.nodes = objects.filter((object) => object.kind === "Node");
    const pods = objects.filter((object) => object.kind === "Pod");
    this.#onHosts = pods.filter(({ hostNetwork }) => hostNetwork);
    this.#withPods = new Set(pods.map(({ namespace }) => namespace));
    const named = objects.filter((object) => object.kind === "Namespace").map(({ name }) => name);
    this.#namespaceNames = [...new Set([...named, ...this.#withPods])].sort();
    for (const pod of pods) if (!pod.hostNetwork) this.#add(pod);
  }

  /** Namespaces that a match means, as far as they are known. */
  namespacesOf(match: NamespaceMatch): readonly string[] {
    if (match.kind === "name") return [match.name];
    return this.#namespaceNames.filter((name) => this.namespaces.matches(match, name));
  }

  /** Whether any pod of one of the namespaces is known. */
  hasPodsIn(namespaces: readonly string[]): boolean {
    return namespaces.some((name) => this.#withPods.has(name));
  }

  /** The pods that a match means and that policies can govern. */
  podsOf(match: PodMatch): readonly PodObject[] {
    const key = podMatchKey(match);
    let found = this.#found.get(key);
    if (!found) this.#found.set(key, (found = this.#find(match)));
    return found;
  }

  /** The pods that a match means and that have the node's network, so that no policy governs them. */
  hostPodsOf(match: PodMatch): readonly PodObject[] {
    return this.#onHosts.filter((pod) => this.namespaces.matchesPod(match, subjectOf(pod)));
  }

  nodesOf(labels: Selector): readonly NodeObject[] {
    return this.nodes.filter((node) => matchesSelector(labels, node.labels));
  }

  /** Whether there is a pod that both mean. */
  haveCommonPod(a: PodMatch, b: PodMatch): boolean {
    const [few, many] = [this.podsOf(a), this.podsOf(b)].sort((one, other) => one.length - other.length);
    if (!few || !many || few.length === 0) return false;
    const pods = new Set(many);
    return few.some((pod) => pods.has(pod));
  }

  #add(pod: PodObject): void {
    const labels = Object.entries(pod.labels).map(([key, value]) => `${key}=${value}`);
    for (const drawer of [pod.namespace, ...labels.map((label) => `${pod.namespace}/${label}`)]) {
      const found = this.#drawers.get(drawer);
      if (found) found.push(pod);
      else this.#drawers.set(drawer, [pod]);
    }
  }

  #find(match: PodMatch): PodObject[] {
    const label = demandedLabel(match.labels);
    const near = this.namespacesOf(match.namespaces).flatMap(
      (name) => this.#drawers.get(label === null ? name : `${name}/${label}`) ?? [],
    );
    return near.filter((pod) => this.namespaces.matchesPod(match, subjectOf(pod)));
  }
}

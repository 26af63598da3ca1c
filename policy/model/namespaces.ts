import type { Labels, Subject } from "./identity.ts";
import { NAMESPACE_NAME_LABEL, type PolicyObject } from "./object.ts";
import { type NamespaceMatch, type PodMatch, SERVICE_ACCOUNT } from "./rule.ts";
import { matchesSelector } from "./selector.ts";

/** The labels of namespaces. One without an object has only the label with its name. */
export class Namespaces {
  readonly #labels = new Map<string, Labels>();

  constructor(objects: Iterable<PolicyObject>) {
    for (const object of objects) if (object.kind === "Namespace") this.#labels.set(object.name, object.labels);
  }

  labels(name: string): Labels {
    return this.#labels.get(name) ?? { [NAMESPACE_NAME_LABEL]: name };
  }

  matches(match: NamespaceMatch, name: string): boolean {
    return match.kind === "name" ? match.name === name : matchesSelector(match.selector, this.labels(name));
  }

  matchesPod(match: PodMatch, pod: Subject): boolean {
    return (
      this.matches(match.namespaces, pod.namespace) &&
      matchesSelector(match.labels, pod.labels) &&
      (!match.account || matchesSelector(match.account, { [SERVICE_ACCOUNT]: pod.serviceAccount })) &&
      (!match.also || match.also.every((other) => this.matchesPod(other, pod)))
    );
  }
}

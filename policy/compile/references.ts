import type { CiliumCidr, CiliumCidrGroupObject, CiliumService } from "#policy/model/cilium-object.ts";
import { type EndpointSliceObject, type PolicyObject, type ServiceObject, objectKey } from "#policy/model/object.ts";
import { type LabelSelector, matchesSelector, toSelector } from "#policy/model/selector.ts";

/** The objects that policies speak of by name or label: services with their addresses, and groups of ranges. */
export class References {
  readonly #services: ServiceObject[] = [];
  readonly #slices: EndpointSliceObject[] = [];
  readonly #groups: CiliumCidrGroupObject[] = [];

  constructor(objects: Iterable<PolicyObject>) {
    // The order of objects must not show in what is made of them.
    const ordered = [...objects].map((object) => ({ object, key: objectKey(object) }));
    for (const { object } of ordered.sort((a, b) => (a.key < b.key ? -1 : 1))) {
      if (object.kind === "Service") this.#services.push(object);
      else if (object.kind === "EndpointSlice") this.#slices.push(object);
      else if (object.kind === "CiliumCIDRGroup") this.#groups.push(object);
    }
  }

  services(wanted: CiliumService): readonly ServiceObject[] {
    const here = this.#services.filter(({ namespace }) => wanted.namespace === "" || namespace === wanted.namespace);
    return wanted.kind === "name"
      ? here.filter(({ name }) => name === wanted.name)
      : here.filter(({ labels }) => matchesLabels(wanted.selector, labels));
  }

  /** The addresses behind a service. */
  backends({ namespace, name }: ServiceObject): string[] {
    const slices = this.#slices.filter((slice) => slice.namespace === namespace && slice.service === name);
    return [...new Set(slices.flatMap(({ addresses }) => addresses))].sort();
  }

  /** The ranges of a rule, those of groups included. */
  cidrs(wanted: CiliumCidr): readonly string[] {
    switch (wanted.kind) {
      case "cidr":
        return [wanted.cidr];
      case "group":
        return this.#groups.filter(({ name }) => name === wanted.name).flatMap(({ cidrs }) => cidrs);
      case "groups":
        return this.#groups
          .filter(({ labels }) => matchesLabels(wanted.selector, labels))
          .flatMap(({ cidrs }) => cidrs);
    }
  }
}

function matchesLabels(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  return matchesSelector(toSelector(selector), labels);
}

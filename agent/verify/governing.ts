import type { PolicyKindObject, PolicyObject } from "#policy/model/object.ts";
import { isPolicyKind, objectKey } from "#policy/model/object.ts";
import { type Governed, isNodeSubject, type NodeSubject, type Subject } from "#policy/model/identity.ts";
import { selectsPod } from "#policy/oracle/cilium-peers.ts";
import { namespaceLabels, selects } from "#policy/oracle/selector.ts";

/** The policies that select a subject. */
export interface Governing {
  /** Equal for subjects that the same parts of the same policies select. */
  readonly key: string;
  readonly policies: readonly PolicyKindObject[];
}

/** A policy, with the numbers of its parts that select somebody. */
interface Selecting {
  readonly policy: PolicyKindObject;
  readonly parts: readonly number[];
}

/**
 * Objects, filed so that the oracle need not look at those that it would pass over: policies that do
 * not select the pod that it judges, labels of other namespaces, objects that it never reads.
 */
export class FiledObjects {
  readonly #namespaces = new Map<string, PolicyObject[]>();
  /** By namespace; clusterwide ones by the empty name. */
  readonly #policies = new Map<string, PolicyKindObject[]>();
  /** What policies of Cilium speak of by name: services, addresses behind them, groups of ranges. */
  readonly references: readonly PolicyObject[];

  constructor(objects: readonly PolicyObject[]) {
    for (const object of objects) {
      if (object.kind === "Namespace") file(this.#namespaces, object.name, object);
      else if (isPolicyKind(object)) file(this.#policies, object.namespace, object);
    }
    this.references = objects.filter(
      ({ kind }) => kind === "Service" || kind === "EndpointSlice" || kind === "CiliumCIDRGroup",
    );
  }

  namespaces(...names: readonly string[]): PolicyObject[] {
    return [...new Set(names)].flatMap((name) => this.#namespaces.get(name) ?? []);
  }

  /** By the conditions of the oracle. */
  governing(subject: Governed): Governing {
    const parts = isNodeSubject(subject) ? this.#nodeParts(subject) : this.#podParts(subject);
    const selecting = parts.filter((one) => one.parts.length > 0);
    return {
      key: selecting.map((one) => `${objectKey(one.policy)}#${one.parts.join()}`).join(" "),
      policies: selecting.map(({ policy }) => policy),
    };
  }

  #podParts(subject: Subject): Selecting[] {
    const own = this.namespaces(subject.namespace);
    const near = ["", subject.namespace].flatMap((namespace) => this.#policies.get(namespace) ?? []);
    return near.map((policy) => ({ policy, parts: selectingParts(policy, subject, own) }));
  }

  #nodeParts({ nodeLabels }: NodeSubject): Selecting[] {
    return (this.#policies.get("") ?? []).map((policy) => {
      const specs = "specs" in policy ? policy.specs : [];
      return { policy, parts: specs.flatMap(({ nodes }, i) => (nodes && selects(nodes, nodeLabels) ? [i] : [])) };
    });
  }
}

/** The parts of a policy, by number, that select a pod; `own` are the objects of its namespace. */
function selectingParts(policy: PolicyKindObject, subject: Subject, own: readonly PolicyObject[]): number[] {
  switch (policy.kind) {
    case "NetworkPolicy":
      return selects(policy.podSelector, subject.labels) ? [0] : [];
    case "CiliumNetworkPolicy":
    case "CiliumClusterwideNetworkPolicy":
      return policy.specs.flatMap(({ endpoints }, i) => (endpoints && selectsPod(endpoints, subject, own) ? [i] : []));
    case "ClusterNetworkPolicy":
    case "AdminNetworkPolicy":
    case "BaselineAdminNetworkPolicy": {
      const { namespaces, pods } = policy.subject;
      const isThere = selects(namespaces, namespaceLabels(subject.namespace, own));
      return isThere && selects(pods, subject.labels) ? [0] : [];
    }
  }
}

function file<T>(files: Map<string, T[]>, name: string, item: T): void {
  const known = files.get(name);
  if (known) known.push(item);
  else files.set(name, [item]);
}

import type { AddressWish, PodFacts } from "#agent/endpoint/manager-options.ts";
import { relevantLabels } from "#agent/identity/labels.ts";
import type { Labels } from "#policy/model/identity.ts";
import type { PodObject, PolicyObject } from "#policy/model/object.ts";
import { selectorKeys } from "#policy/compile/selector-keys.ts";

/** What the objects in force say of pods. A Pod object's labels go before those that ADD brought. */
export class PodTable {
  #pods = new Map<string, PodObject>();
  /** By namespace. */
  #pools = new Map<string, string>();
  #keys = new Set<string>();

  replace(objects: readonly PolicyObject[]): void {
    const pods = objects.filter((object) => object.kind === "Pod");
    this.#pods = new Map(pods.map((pod) => [`${pod.namespace}/${pod.name}`, pod]));
    this.#pools = new Map(
      objects.flatMap((object) =>
        object.kind === "Namespace" && object.ipPool !== undefined ? [[object.name, object.ipPool]] : [],
      ),
    );
    this.#keys = selectorKeys(objects);
  }

  /** Lets labels count that these objects name, too, before they are in force. */
  widen(objects: readonly PolicyObject[]): void {
    this.#keys = this.#keys.union(selectorKeys(objects));
  }

  find(namespace: string, name: string): PodFacts | undefined {
    return this.#pods.get(`${namespace}/${name}`);
  }

  /** A pod's own annotation goes before its namespace's. */
  addressWish(namespace: string, name: string): AddressWish {
    const pod = this.#pods.get(`${namespace}/${name}`);
    const pool = pod?.ipPool ?? this.#pools.get(namespace);
    return { ...(pool !== undefined && { pool }), sticky: pod?.stickyIp ?? false };
  }

  /** The labels that make up an identity: what controllers write counts only where a policy names it. */
  relevantLabels(labels: Labels): Record<string, string> {
    return relevantLabels(labels, this.#keys);
  }
}

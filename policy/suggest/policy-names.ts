import { orderKeys } from "./stable-labels.ts";
import type { Workload } from "./workloads.ts";

/** Leaves room for a number. */
const LONGEST = 200;

/** Names for policies: after the labels that tell a workload apart, each only once in a namespace. */
export class PolicyNames {
  readonly #taken = new Set<string>();

  of({ namespace, labels, selector }: Workload): string {
    const telling = orderKeys(Object.keys(selector.labels)).map((key) => labels[key] ?? "");
    const base = slug(telling.join("-")) || "pods";
    let name = base;
    for (let number = 2; this.#taken.has(`${namespace}/${name}`); number++) name = `${base}-${number}`;
    this.#taken.add(`${namespace}/${name}`);
    return name;
  }
}

/** Lower case letters and digits with single hyphens between them. */
function slug(text: string): string {
  const words = text.toLowerCase().split(/[^a-z0-9]+/);
  return words
    .filter((word) => word !== "")
    .join("-")
    .slice(0, LONGEST)
    .replace(/-$/, "");
}

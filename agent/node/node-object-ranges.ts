import { reasonOf } from "#agent/runtime/errors.ts";
import { readList, writeList } from "#agent/runtime/kept-list.ts";
import type { Ipam } from "#agent/ipam/ipam.ts";
import { parseCidr } from "#policy/model/cidr.ts";
import type { PolicyObject } from "#policy/model/object.ts";

/**
 * With `--ipam kubernetes`: the ranges that the Node object of this node names. They are noted,
 * so that a start before the object is there finds what pods have addresses of.
 */
export class NodeObjectRanges {
  readonly #node: string;
  readonly #path: string;
  #problem: string | null = null;

  constructor(node: string, path: string) {
    this.#node = node;
    this.#path = path;
  }

  /** Of an object that says something of its ranges; or else those that were noted. */
  atStart(objects: readonly PolicyObject[]): readonly string[] {
    const named = this.#named(objects);
    const file = readList(this.#path, (text) => parseCidr(text) !== null);
    if (named.length === 0) return file.ok ? file.value : [];
    writeList(this.#path, named);
    return named;
  }

  /** Takes what is new. What is not named any more stays while the agent runs: pods may have addresses of it. */
  follow(objects: readonly PolicyObject[], ipam: Ipam): void {
    const named = this.#named(objects);
    const present = ipam.ranges;
    const fresh = named.filter((cidr) => !present.includes(cidr));
    const gone = named.length === 0 ? [] : present.filter((cidr) => !named.includes(cidr));
    this.#problem =
      gone.length === 0
        ? null
        : `Node ${this.#node} does not name ${gone.join(", ")} any more, which this node's pods have; it goes at the next start of the agent`;
    if (fresh.length === 0) return;
    try {
      ipam.setRanges([...present, ...fresh]);
      writeList(this.#path, ipam.ranges);
    } catch (error) {
      this.#problem = `the podCIDRs of Node ${this.#node} cannot be used: ${reasonOf(error)}`;
    }
  }

  problems(): string[] {
    return this.#problem === null ? [] : [this.#problem];
  }

  #named(objects: readonly PolicyObject[]): readonly string[] {
    const node = objects.find((object) => object.kind === "Node" && object.name === this.#node);
    return node?.kind === "Node" ? (node.podCidrs ?? []) : [];
  }
}

import { type Alias, type Node, isAlias, isCollection, isMap, isScalar, isSeq } from "yaml";
import type { ErrorList } from "./error-list.ts";
import { keyText, shorten, start } from "./text.ts";

/** Deepest nesting of lists and mappings. */
export const MAX_DEPTH = 100;
export const TOO_DEEP = `is nested deeper than ${MAX_DEPTH} levels`;
/** Nodes that all aliases of a file together may repeat. */
const MAX_REPEATED = 100_000;

/** Names and places in lists that lead to a node. */
type Path = (string | number)[];

/** Walks each document of a file once, in the order of the text, and learns what its aliases stand for. */
export class TreeChecks {
  readonly #errors: ErrorList;
  readonly #targets = new Map<Alias, Node>();
  /** Nodes in the tree of a node that has an anchor. */
  readonly #sizes = new Map<Node, number>();
  #repeated = 0;

  constructor(errors: ErrorList) {
    this.#errors = errors;
  }

  check(document: Node): void {
    this.#walk(document, [], new Map());
  }

  resolve(alias: Alias): Node | undefined {
    const target = this.#targets.get(alias);
    if (!target || this.#repeated > MAX_REPEATED) return undefined;
    this.#repeated += this.#sizes.get(target) ?? 1;
    if (this.#repeated <= MAX_REPEATED) return target;
    this.#errors.add(start(alias), "document", `aliases repeat more than ${MAX_REPEATED} values`);
    return undefined;
  }

  /**
   * @param path Of the node; its length is the depth.
   * @param anchors Nodes by anchor; null while the node itself is being walked.
   * @returns The number of nodes in the tree.
   */
  #walk(node: Node, path: Path, anchors: Map<string, Node | null>): number {
    if (isAlias(node)) {
      const target = anchors.get(node.source);
      if (target) this.#targets.set(node, target);
      else {
        const fault =
          target === null ? "is an alias of what contains it" : `alias ${shorten(node.source)} is not defined`;
        this.#errors.add(start(node), formatPath(path), fault);
      }
      return 1;
    }
    const anchor = isScalar(node) || isCollection(node) ? node.anchor : undefined;
    if (anchor !== undefined) anchors.set(anchor, null);
    let size = 1;
    if (isCollection(node) && path.length >= MAX_DEPTH) this.#errors.add(start(node), "document", TOO_DEEP);
    else if (isSeq<Node | null>(node)) size += this.#walkList(node.items, path, anchors);
    else if (isMap<Node, Node | null>(node)) size += this.#walkMapping(node.items, path, anchors);
    if (anchor !== undefined) {
      anchors.set(anchor, node);
      this.#sizes.set(node, size);
    }
    return size;
  }

  #walkList(items: readonly (Node | null)[], path: Path, anchors: Map<string, Node | null>): number {
    let size = 0;
    for (const [i, item] of items.entries()) {
      path.push(i);
      if (item) size += this.#walk(item, path, anchors);
      path.pop();
    }
    return size;
  }

  #walkMapping(
    pairs: readonly { key: Node; value: Node | null }[],
    path: Path,
    anchors: Map<string, Node | null>,
  ): number {
    const seen = new Set<string>();
    let size = 0;
    for (const { key, value } of pairs) {
      const name = isScalar(key) ? keyText(key) : "?";
      path.push(name);
      if (!isScalar(key)) this.#errors.add(start(key), formatPath(path), "has a key that is not plain text");
      else if (seen.has(name)) this.#errors.add(start(key), formatPath(path), "is given twice");
      seen.add(name);
      size += this.#walk(key, path, anchors);
      if (value) size += this.#walk(value, path, anchors);
      path.pop();
    }
    return size;
  }
}

/** `spec.ingress[0].from` */
function formatPath(path: Path): string {
  const text = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${shorten(step)}`)).join("");
  return text.replace(/^\./, "") || "document";
}

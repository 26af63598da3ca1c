import type { Cidr } from "#policy/model/cidr.ts";
import type { PortMatch } from "#policy/model/port.ts";
import type { BlockMatch, Direction, Peer, Policy } from "#policy/model/rule.ts";
import type { LintContext } from "./context.ts";
import type { LintedRule } from "./linted-policy.ts";
import { canPortsMeet } from "./relations/ports.ts";
import { type AddressPiece, RuleFinder, type RulePart } from "./rule-finder.ts";

/** The rules of all policies, to be found by whom they govern and by their peers. */
export class RuleParts {
  readonly #context: LintContext;
  readonly #finders = new Map<string, RuleFinder>();
  readonly #around = new Map<string, readonly RuleFinder[]>();

  constructor(context: LintContext) {
    this.#context = context;
    const { groups } = context.subjects;
    const counting = new Set(context.rules);
    for (const { key, policies } of groups) {
      for (const rule of policies.flatMap(({ rules }) => rules)) if (counting.has(rule)) this.#file(key, rule);
    }
  }

  /** Parts that govern all of some subjects and match all of a peer, at least for some of a port. */
  around(
    subjects: Policy["subjects"],
    direction: Direction,
    peer: Peer | AddressPiece,
    port: PortMatch | null,
  ): Set<RulePart> {
    const found = new Set<RulePart>();
    for (const finder of this.#findersOf(subjects, direction)) {
      for (const item of finder.around(peer, port)) if (canPortsMeet(port && [port], item.part.ports)) found.add(item);
    }
    return found;
  }

  /** Ranges that rules about such subjects speak of and that lie in a block; null where there are more than `most`. */
  inside(subjects: Policy["subjects"], direction: Direction, block: BlockMatch, most: number): Cidr[] | null {
    const found: Cidr[] = [];
    for (const finder of this.#findersOf(subjects, direction)) {
      const ranges = finder.inside(block, most - found.length);
      if (!ranges) return null;
      for (const range of ranges) found.push(range);
    }
    return found;
  }

  #file(key: string, rule: LintedRule): void {
    for (const part of rule.parts) {
      const name = `${part.direction} ${key}`;
      let finder = this.#finders.get(name);
      if (!finder) this.#finders.set(name, (finder = new RuleFinder(this.#context.cluster.namespaces)));
      finder.add({ rule, part });
    }
  }

  #findersOf(subjects: Policy["subjects"], direction: Direction): readonly RuleFinder[] {
    const group = this.#context.subjects.groupOf(subjects);
    const name = `${direction} ${group?.key}`;
    let finders = this.#around.get(name);
    if (!finders) {
      const groups = this.#context.subjects.around(subjects);
      finders = groups.flatMap(({ key }) => this.#finders.get(`${direction} ${key}`) ?? []);
      this.#around.set(name, finders);
    }
    return finders;
  }
}

import { type Controls, controlsOf } from "#policy/model/controls.ts";
import { contentHash } from "#policy/model/hash.ts";
import { type PolicyKindObject, objectKey } from "#policy/model/object.ts";
import type { BlockMatch, BlockScope, Policy, Rule } from "#policy/model/rule.ts";

/** Whether rules about addresses speak of pods and nodes, too. */
export type CidrMatchesPods = "language" | boolean;

/** The name of a rule in its object, and where it stands. */
interface RulePlace {
  readonly rule: string;
  readonly line: number | null;
}

/** What converting objects of any language into policies has in common. */
export class Conversion {
  readonly #cidrMatchesPods: CidrMatchesPods;
  readonly #audit: boolean;

  /** @param audit Everything is only tried, whatever objects say. */
  constructor(cidrMatchesPods: CidrMatchesPods = "language", audit = false) {
    this.#cidrMatchesPods = cidrMatchesPods;
    this.#audit = audit;
  }

  /** Whether an object as a whole is only tried. */
  isStaged({ controls }: PolicyKindObject): boolean {
    return this.#audit || (controls.object.staged ?? false);
  }

  /** Of one rule of an object. */
  controls(object: PolicyKindObject, rule: string): Controls {
    const controls = controlsOf(object.controls, rule);
    return this.#audit ? { ...controls, staged: true } : controls;
  }

  /** @param language What the language itself says of its blocks. */
  blockScope(language: BlockScope): BlockScope {
    if (this.#cidrMatchesPods === "language") return language;
    return this.#cidrMatchesPods ? "any" : "outside";
  }

  /** Exceptions in their one order. */
  block(cidr: string, except: readonly string[], scope: BlockScope): BlockMatch {
    return { kind: "block", cidr, except: [...new Set(except)].sort(), scope };
  }

  /** @param part Tells rules apart that one rule of the object becomes. */
  rule(
    object: PolicyKindObject,
    subjects: Policy["subjects"],
    { rule, line }: RulePlace,
    part: number,
    content: Omit<Rule, "key" | "description" | "controls">,
  ): Rule {
    const { kind, namespace, name, source } = object;
    const controls = this.controls(object, rule);
    const hash = contentHash(JSON.stringify([content, controls, subjects, source.file, line]));
    const key = `${objectKey(object)}@${hash}#${rule}${part === 0 ? "" : `/${part}`}`;
    return { key, description: { kind, namespace, name, rule, file: source.file, line }, ...content, controls };
  }
}

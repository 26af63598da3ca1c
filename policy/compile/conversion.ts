import { controlsOf } from "#policy/model/controls.ts";
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

  constructor(cidrMatchesPods: CidrMatchesPods = "language") {
    this.#cidrMatchesPods = cidrMatchesPods;
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
    const controls = controlsOf(object.controls, rule);
    const hash = contentHash(JSON.stringify([content, controls, subjects, source.file, line]));
    const key = `${objectKey(object)}@${hash}#${rule}${part === 0 ? "" : `/${part}`}`;
    return { key, description: { kind, namespace, name, rule, file: source.file, line }, ...content, controls };
  }
}

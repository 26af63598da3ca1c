import { CILIUM_SECTIONS } from "./cilium-object.ts";
import type { PolicyKindObject } from "./object.ts";
import type { Direction } from "./rule.ts";

/** A rule as its object has it. */
export interface NamedRule {
  /** `ingress[0]`, `specs[1].egressDeny[0]` */
  readonly name: string;
  readonly direction: Direction;
  readonly effect: "allow" | "deny" | "pass";
}

const EFFECTS = { Accept: "allow", Deny: "deny", Pass: "pass" } as const;

/** The rules of a policy by name, in the order of the object. */
export function namedRules(object: PolicyKindObject): NamedRule[] {
  switch (object.kind) {
    case "NetworkPolicy":
      return DIRECTIONS.flatMap((direction) =>
        object[direction].map((_, i): NamedRule => ({ name: `${direction}[${i}]`, direction, effect: "allow" })),
      );
    case "CiliumNetworkPolicy":
    case "CiliumClusterwideNetworkPolicy":
      return object.specs.flatMap((spec) =>
        CILIUM_SECTIONS.flatMap((section) =>
          spec[section].map((_, i): NamedRule => ({
            name: `${spec.prefix}${section}[${i}]`,
            direction: section.startsWith("ingress") ? "ingress" : "egress",
            effect: section.endsWith("Deny") ? "deny" : "allow",
          })),
        ),
      );
    case "ClusterNetworkPolicy":
    case "AdminNetworkPolicy":
    case "BaselineAdminNetworkPolicy":
      return DIRECTIONS.flatMap((direction) =>
        object[direction].map(({ action }, i): NamedRule => ({
          name: `${direction}[${i}]`,
          direction,
          effect: EFFECTS[action],
        })),
      );
  }
}

const DIRECTIONS: readonly Direction[] = ["ingress", "egress"];

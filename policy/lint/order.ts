import { ADMIN_PRECEDENCE, type Direction, NORMAL_PRECEDENCE, type Peer, type Rule } from "#policy/model/rule.ts";
import type { LintContext } from "./context.ts";
import type { LintedRule } from "./linted-policy.ts";
import { allows, areLimitsKept } from "./consequences.ts";
import { canPeersMeet } from "./relations/peers.ts";
import { type Ports, canPortsMeet } from "./relations/ports.ts";
import type { AddressPiece, RulePart } from "./rule-finder.ts";

/** What some rule matches, and is looked at. */
export interface Traffic {
  readonly piece: Peer | AddressPiece;
  readonly ports: Ports;
}

type Tier = "admin" | "normal" | "baseline";

/** What other rules are to one that they match all traffic of. */
interface Relations {
  /** They always decide before it. */
  readonly first: RulePart[];
  /** They say the same, and decide if it does not. */
  readonly same: RulePart[];
}

/** Who decides before whom, and who would decide in whose place. */
export class Order {
  readonly #context: LintContext;
  /** Rules that are as if they were not there. */
  readonly #gone: ReadonlySet<LintedRule>;
  /** Of the tiers whose order counts, the highest precedence first. */
  readonly #ordered: Readonly<Record<Direction, readonly RulePart[]>>;
  readonly #passes: Readonly<Record<Direction, readonly RulePart[]>>;
  readonly #hasRequires: Readonly<Record<Direction, boolean>>;

  constructor(context: LintContext, gone: ReadonlySet<LintedRule>) {
    this.#context = context;
    this.#gone = gone;
    const hasRequires = (direction: Direction): boolean =>
      context.policies.some(({ policy }) => (policy?.requires[direction].length ?? 0) > 0);
    this.#hasRequires = { ingress: hasRequires("ingress"), egress: hasRequires("egress") };
    const ordered = context.rules
      .flatMap((rule) => rule.parts.map((part) => ({ rule, part })))
      .filter(({ part }) => tierOf(part) !== "normal")
      .sort((a, b) => b.part.precedence - a.part.precedence);
    const of = (direction: Direction): RulePart[] => ordered.filter(({ part }) => part.direction === direction);
    this.#ordered = { ingress: of("ingress"), egress: of("egress") };
    const isPass = ({ part }: RulePart): boolean => part.action === "pass" && tierOf(part) === "admin";
    this.#passes = { ingress: this.#ordered.ingress.filter(isPass), egress: this.#ordered.egress.filter(isPass) };
  }

  /**
   * What rules that match all of some traffic of another one, for all its subjects, are to it; those
   * of which it is not sure are left out.
   */
  relations(one: RulePart, others: Iterable<RulePart>, traffic: Traffic): Relations {
    const { part: mine } = one;
    const before: RulePart[] = [];
    const equal: RulePart[] = [];
    const after: RulePart[] = [];
    for (const other of others) {
      const { part: theirs } = other;
      if (!this.#lastsAsLong(one, other) || this.#isNarrower(one, other, traffic)) continue;
      if (theirs.precedence > mine.precedence) before.push(other);
      else if (!areLimitsKept(mine, theirs)) continue;
      else if (theirs.precedence < mine.precedence) after.push(other);
      else if (allows(mine, theirs)) equal.push(other);
    }
    return { first: this.#first(one, before, traffic), same: [...equal, ...this.#next(one, after, traffic)] };
  }

  /** Those with a higher precedence that are always asked before a rule. */
  #first(one: RulePart, others: readonly RulePart[], traffic: Traffic): RulePart[] {
    const mine = one.part;
    const isAbove = ({ part }: RulePart): boolean => tierOf(part) === "admin" && tierOf(mine) !== "admin";
    // A plain allow does count beside a redirect: the proxy lets through whatever it means.
    const isBeside = ({ part }: RulePart): boolean =>
      tierOf(mine) === "normal" && mine.action === "allow" && part.action === "redirect";
    const near = others.filter((other) => !isAbove(other) && !isBeside(other));
    const above = others.filter((other) => isAbove(other) && other.part.action !== "pass");
    if (above.length === 0) return near;
    const pass = this.#passes[mine.direction].find((other) => this.#doesMeet(one, other, traffic));
    return [...near, ...above.filter(({ part }) => !pass || part.precedence > pass.part.precedence)];
  }

  /** Those of a tier in which order counts that come after a rule, say the same, and have nobody before them who says other. */
  #next(one: RulePart, others: readonly RulePart[], traffic: Traffic): RulePart[] {
    const mine = one.part;
    if (tierOf(mine) === "normal") return [];
    const alike = others.filter(({ part }) => tierOf(part) === tierOf(mine) && effectOf(part) === effectOf(mine));
    if (alike.length === 0) return [];
    const last = alike.reduce((least, { part }) => Math.min(least, part.precedence), Infinity);
    const ordered = this.#ordered[mine.direction];
    for (let i = firstBelow(ordered, mine.precedence); i < ordered.length; i++) {
      const other = ordered[i] as RulePart;
      const { precedence } = other.part;
      if (precedence <= last) break;
      if (effectOf(other.part) === effectOf(mine) || !this.#doesMeet(one, other, traffic)) continue;
      return alike.filter(({ part }) => part.precedence > precedence);
    }
    return alike;
  }

  /** Whether a rule could match some of the traffic. */
  #doesMeet(one: RulePart, { rule, part }: RulePart, { piece, ports }: Traffic): boolean {
    if (rule === one.rule || this.#gone.has(rule) || !canPortsMeet(ports, part.ports)) return false;
    const { namespaces } = this.#context.cluster;
    const peer = piece.kind === "addresses" ? piece.block : piece;
    if (part.peers && !part.peers.some((other) => canPeersMeet(peer, other, namespaces))) return false;
    const [mine, theirs] = [one.rule.owner.policy?.subjects, rule.owner.policy?.subjects];
    return mine !== undefined && theirs?.kind === mine.kind && canPeersMeet(mine, theirs, namespaces);
  }

  /** Whether it is in force whenever the other one is. */
  #lastsAsLong({ part: mine }: RulePart, { part: theirs }: RulePart): boolean {
    if (theirs.controls.staged) return false;
    return (theirs.controls.notAfter ?? Infinity) >= (mine.controls.notAfter ?? Infinity);
  }

  /** Whether requirements of other rules may take pods from it that the rule itself keeps. */
  #isNarrower({ part: mine }: RulePart, { part: theirs }: RulePart, { piece }: Traffic): boolean {
    return piece.kind === "pods" && theirs.isNarrowed && !mine.isNarrowed && this.#hasRequires[mine.direction];
  }
}

/** The place of the first rule with a lower precedence. */
function firstBelow(ordered: readonly RulePart[], precedence: number): number {
  let low = 0;
  let high = ordered.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ordered[middle] as RulePart).part.precedence >= precedence) low = middle + 1;
    else high = middle;
  }
  return low;
}

function tierOf({ precedence }: Rule): Tier {
  if (precedence >= ADMIN_PRECEDENCE) return "admin";
  return precedence >= NORMAL_PRECEDENCE ? "normal" : "baseline";
}

/** After the last tier nothing comes, so a pass of it is an allow. */
function effectOf(part: Rule): Rule["action"] {
  return tierOf(part) === "baseline" && part.action === "pass" ? "allow" : part.action;
}

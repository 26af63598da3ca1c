import { expect, test } from "vitest";
import { type DirectionEvaluation, Evaluator, type NearMiss } from "#policy/explain/evaluate.ts";
import type { RuleDescription } from "#policy/model/rule.ts";
import {
  type MatrixAnswer,
  type MatrixCase,
  matrixAnswer,
  matrixCases,
  matrixText,
} from "#test/support/network-policy-matrix-cases.ts";
import { matrixObjects, matrixParties, matrixProbes } from "#test/support/network-policy-matrix-world.ts";
import { sized } from "#test/support/size.ts";

const probes = [...matrixProbes(matrixParties())];

/** Words for a peer that does not match, and for a port. */
const PEER =
  /pod labels \S+ do not match|a pod without labels does not match|namespace \w+ (is not|does not match)|address \S+ is (not in|excepted by)/;
const PORT = /(port \d+|protocol \w+) is not/;

const nameOf = ({ name, rule }: RuleDescription): string => `${name} ${rule}`;

/** The lines of policies (by name and direction) and of their rules in a text, from 1. */
function placesOf(text: string): Map<string, number> {
  const places = new Map<string, number>();
  let [name, direction, index] = ["", "", 0];
  for (const [i, line] of text.split("\n").entries()) {
    name = /^metadata: .*name: (\w+)/.exec(line)?.[1] ?? name;
    if (line.startsWith("metadata:")) for (const one of ["ingress", "egress"]) places.set(`${name} ${one}`, i - 1);
    const section = /^ {2}(ingress|egress):/.exec(line)?.[1];
    if (section !== undefined) [direction, index] = [section, 0];
    if (line.startsWith("  - ")) places.set(`${name} ${direction}[${index++}]`, i + 1);
  }
  return places;
}

/** What is wrong with the reason for a verdict; null: nothing. */
function fault(
  places: ReadonlyMap<string, number>,
  { by, nearest, verdict }: DirectionEvaluation,
  answer: MatrixAnswer,
): string | null {
  const strayed = [...by, ...(nearest ? [nearest] : [])].find(
    (one) =>
      one.line !== places.get(nameOf(one)) ||
      `${one.kind} ${one.namespace} ${one.file}` !== "NetworkPolicy x matrix.yaml",
  );
  if (strayed) return `${nameOf(strayed)} is not there`;
  if (verdict === "allow") {
    if (nearest) return "what is allowed misses nothing";
    return by.map(nameOf).sort().join() === answer.by.toSorted().join() ? null : "other rules allow it";
  }
  if (by.length > 0 || !nearest) return "a denial by default has no rule, but a near miss";
  return missFault(nearest, answer);
}

function missFault(nearest: NearMiss, { near }: MatrixAnswer): string | null {
  if (near.length === 0) {
    return /^has no (ingress|egress) rules$/.test(nearest.because) ? null : "there are no rules to miss";
  }
  const missed = near.find(({ rule }) => rule === nameOf(nearest));
  if (!missed) return "the near miss is no rule of a policy that selects the end";
  if (PEER.test(nearest.because) === missed.peer) return "it says the wrong thing of the peer";
  return PORT.test(nearest.because) === missed.port ? "it says the wrong thing of the port" : null;
}

function faults(one: MatrixCase): string[] {
  const text = matrixText(one);
  const places = placesOf(text);
  const evaluator = new Evaluator(matrixObjects(text));
  const found: string[] = [];
  for (const { from, to, flow } of probes) {
    const evaluation = evaluator.evaluate(flow);
    for (const direction of ["egress", "ingress"] as const) {
      const [self, other] = direction === "egress" ? [from, to] : [to, from];
      const answer = matrixAnswer(one, direction, self, other, flow.protocol, flow.port);
      const told = fault(places, evaluation[direction], answer);
      if (told !== null) found.push(`${told}: ${direction}, ${JSON.stringify([flow, evaluation[direction]])}`);
    }
  }
  return found;
}

test("what is allowed names its rules with their lines, what is denied the rule that came closest and what it lacks", () => {
  // A stride that meets all variations of peers and of ports.
  const cases = matrixCases.filter((_, i) => i % sized({ short: 5, long: 1 }) === 0);
  for (const one of cases) expect(faults(one), `${one.title}\n${matrixText(one)}`).toEqual([]);
}, 300_000);

import { expect, test } from "vitest";
import { StagedPolicy } from "#agent/endpoint/staged-policy.ts";
import { type Controls, NO_CONTROLS } from "#policy/model/controls.ts";
import type { Flow, Party } from "#policy/model/flow.ts";
import { type PolicyObject, isPolicyKind } from "#policy/model/object.ts";
import { protocolNumbers } from "#policy/model/protocol.ts";
import type { Direction } from "#policy/model/rule.ts";
import { CompiledCluster, ruleName } from "#test/support/compiled-cluster.ts";
import { randomCluster } from "#test/support/random-policy.ts";
import { sized } from "#test/support/size.ts";

/** The same objects after everything staged has been put in force; nothing else of their controls is left. */
function withControls(objects: readonly PolicyObject[], keep: (controls: Controls) => Controls): PolicyObject[] {
  return objects.map((object): PolicyObject => {
    if (!isPolicyKind(object)) return object;
    const rules = Object.entries(object.controls.rules).map(([rule, controls]) => [rule, keep(controls)] as const);
    return { ...object, controls: { object: keep(object.controls.object), rules: Object.fromEntries(rules) } };
  });
}

const onlyStage = ({ staged }: Controls): Controls => (staged ? { staged } : NO_CONTROLS.object);
const promoted = (): Controls => ({});

/** Whether a redirect is plain is not said of what is staged. */
function withoutPlain({ verdict, rules }: { verdict: string; rules: readonly string[] }): object {
  return { verdict, rules };
}

test("what is staged is judged as the datapath judges it after its promotion", () => {
  let judged = 0;
  for (let seed = 1; seed <= sized({ short: 150, long: 5_000 }); seed++) {
    const { objects, parties, flows } = randomCluster(seed, { controls: true, flows: 30, namedPortsOfBlocks: false });
    const tried = new CompiledCluster(withControls(objects, onlyStage), parties);
    const live = new CompiledCluster(withControls(objects, promoted), parties);
    const staged = new StagedPolicy(tried);
    const judge = (direction: Direction, own: Party, other: Party, { protocol, port }: Flow): void => {
      if (!own.subject || other.reserved === "host" || own.address === other.address) return;
      const peer = tried.numbersOf(other);
      const found = staged.judge(own.subject, { direction, ...peer, protocol: protocolNumbers[protocol], port });
      if (!found) return;
      const { verdict, rules } = found.outcome;
      const said = { verdict, rules: rules.map(ruleName).toSorted() };
      expect(said, `seed ${seed}`).toEqual(
        withoutPlain(live.judge({ ...flowOf(direction, own, other), protocol, port })[direction]),
      );
      judged++;
    };
    for (const flow of flows) {
      judge("egress", flow.source, flow.destination, flow);
      judge("ingress", flow.destination, flow.source, flow);
    }
  }
  expect(judged).toBeGreaterThan(500);
});

function flowOf(direction: Direction, own: Party, other: Party): Pick<Flow, "source" | "destination"> {
  return direction === "egress" ? { source: own, destination: other } : { source: other, destination: own };
}

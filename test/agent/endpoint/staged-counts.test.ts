import { expect, test } from "vitest";
import { StagedCounts } from "#agent/endpoint/staged-counts.ts";
import { StagedPolicy, type StagedQuestion } from "#agent/endpoint/staged-policy.ts";
import { PolicyEngine } from "#policy/compile/engine.ts";
import type { ObjectControls } from "#policy/model/controls.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { ciliumPolicy, ciliumRule, GET, onPort, portItem } from "#test/support/cilium-objects.ts";
import { kubernetesPolicy, kubernetesRule, pod } from "#test/support/policy-objects.ts";

const STAGED: ObjectControls = { object: { staged: true }, rules: {} };
const web = pod("n/web", "10.0.0.7").subject;

/** Counts over a policy in force that a test may replace. */
class Setup {
  engine: PolicyEngine;
  readonly counts = new StagedCounts(this);
  readonly #policy = new StagedPolicy(this);

  constructor(...objects: readonly PolicyObject[]) {
    this.engine = new PolicyEngine(objects);
    this.engine.addIdentity(257, pod("n/db", "10.0.0.8").subject);
  }

  replace(...objects: readonly PolicyObject[]): void {
    this.engine = this.engine.evolve(objects);
  }

  /** A connection of n/db to n/web, which makes a difference. */
  connect(port: number, time: bigint): void {
    const question: StagedQuestion = { direction: "ingress", identity: 257, addressClass: 0, protocol: 6, port };
    const judgement = this.#policy.judge(web, question);
    if (judgement) this.counts.count(judgement, time);
  }

  list(): string[] {
    return this.counts.list().map(({ name, rule, denied, allowed, redirected, last }) => {
      return `${name} ${rule || "-"}: ${denied} ${allowed} ${redirected}, last ${last}`;
    });
  }
}

const rule = (port: number) => kubernetesRule({ line: port, ports: [{ protocol: "TCP", port, endPort: null }] });

test("rules are counted that decide, and an object for what it denies without one", () => {
  const setup = new Setup(kubernetesPolicy({ ingress: [rule(80), rule(81)], controls: STAGED }));
  expect(setup.list()).toEqual([
    "np -: 0 0 0, last null",
    "np ingress[0]: 0 0 0, last null",
    "np ingress[1]: 0 0 0, last null",
  ]);
  for (const [i, port] of [80, 443, 80, 443, 22].entries()) setup.connect(port, BigInt(i));
  expect(setup.list()).toEqual([
    "np -: 3 0 0, last 4",
    "np ingress[0]: 0 2 0, last 2",
    "np ingress[1]: 0 0 0, last null",
  ]);
});

test("counts stay while a rule does, whatever else changes, and begin anew when it is another", () => {
  const controls: ObjectControls = {
    object: {},
    rules: { "ingress[0]": { staged: true }, "ingress[1]": { staged: true } },
  };
  const setup = new Setup(kubernetesPolicy({ ingress: [rule(80), rule(81)], controls }));
  setup.connect(80, 1n);
  setup.connect(81, 2n);
  setup.replace(kubernetesPolicy({ ingress: [rule(80), rule(82)], controls }), ciliumPolicy({}));
  expect(setup.list()).toEqual(["np ingress[0]: 0 1 0, last 1", "np ingress[1]: 0 0 0, last null"]);
  // In force: it is not listed any more, and when it is staged once more it has been nothing before.
  setup.replace(kubernetesPolicy({ ingress: [rule(80), rule(82)] }));
  expect(setup.list()).toEqual([]);
  setup.replace(kubernetesPolicy({ ingress: [rule(80), rule(82)], controls }));
  expect(setup.list()).toEqual(["np ingress[0]: 0 0 0, last null", "np ingress[1]: 0 0 0, last null"]);
});

test("a rule that is several to the engine is one, and a connection counts once", () => {
  const items = [portItem([onPort(80)], GET), portItem([onPort(80)], GET), portItem([onPort(81)])];
  const setup = new Setup(ciliumPolicy({ ingress: [ciliumRule({ ports: items })] }, { controls: STAGED }));
  setup.connect(80, 1n);
  setup.connect(81, 2n);
  expect(setup.list()).toEqual(["c -: 0 0 0, last null", "c ingress[0]: 0 1 1, last 2"]);
});

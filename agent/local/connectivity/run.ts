import { LabError } from "#agent/local/errors.ts";
import { Lab } from "#agent/local/lab.ts";
import { attemptGroups } from "./attempt-groups.ts";
import { removeLeftovers } from "./objects-in-force.ts";
import { ownNode, type Place, runningNode } from "./place.ts";
import type { Group, Scenario, ScenarioResult } from "./scenario.ts";
import { streamGroups } from "./stream-groups.ts";
import { World } from "./world.ts";

/** In the order in which they run. */
export const groups: readonly Group[] = [...attemptGroups, ...streamGroups];

export interface Selection {
  /** Found somewhere in `GROUP: NAME`. */
  readonly test?: RegExp;
  /** Names of groups; none: all. */
  readonly groups: readonly string[];
}

/** The groups with what is selected of each. */
export function selectScenarios({ test, groups: wanted }: Selection): Group[] {
  return groups
    .filter(({ name }) => wanted.length === 0 || wanted.includes(name))
    .map((group) => ({
      ...group,
      scenarios: group.scenarios.filter(({ name }) => test === undefined || test.test(`${group.name}: ${name}`)),
    }))
    .filter(({ scenarios }) => scenarios.length > 0);
}

export interface RunOptions {
  /** Where the agent is; null: on a node of the test's own. */
  readonly runDir: string | null;
  readonly groups: readonly Group[];
  readonly signal: AbortSignal;
  /** Told after each scenario. */
  readonly onResult: (done: number, of: number) => void;
}

export interface TestRun {
  readonly results: readonly ScenarioResult[];
  /** Why some scenarios that were selected have not been run, a sentence each. */
  readonly leftOut: readonly string[];
}

/**
 * Runs scenarios on a node, with pods, a machine beyond it and policies of the test's own. All that is
 * gone when this ends, however it ends.
 *
 * @throws ClientError, LabError where the node is not fit; the signal's reason.
 */
export async function runConnectivityTest({
  runDir,
  groups: selected,
  signal,
  onResult,
}: RunOptions): Promise<TestRun> {
  if (process.getuid?.() !== 0) {
    throw new LabError("command-failed", "make network namespaces and pods: only root may; run it as root");
  }
  await using lab = await Lab.create();
  const place = runDir === null ? await ownNode(lab, signal) : await runningNode(lab, runDir);
  if (!place.isOwn) await removeLeftovers(place);
  await using world = await World.create(place, signal);
  const { runnable, leftOut } = fitting(selected, world, place);
  const of = runnable.reduce((sum, { scenarios }) => sum + scenarios.length, 0);
  const results: ScenarioResult[] = [];
  for (const group of runnable) {
    await using _objects = await world.objects.apply(group.objects(world.names));
    const atOnce = group.oneByOne === true ? 1 : 8;
    const left = group.scenarios.entries();
    const found: ScenarioResult[] = [];
    const worker = async (): Promise<void> => {
      for (const [index, scenario] of left) {
        found[index] = await untilAborted(runScenario(group, scenario, world), signal);
        onResult(results.length + Object.keys(found).length, of);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, worker));
    results.push(...found);
  }
  return { results, leftOut };
}

/** What of it this node can be asked for. */
function fitting(
  selected: readonly Group[],
  world: World,
  place: Place,
): { runnable: readonly Group[]; leftOut: readonly string[] } {
  const leftOut: string[] = [];
  const own = selected.filter((group) => group.ownNode === true && !place.isOwn);
  for (const { name } of own) leftOut.push(`${name}: asks for what is not every node's; only with --local`);
  for (const family of [4, 6] as const) {
    if (!world.has(family)) leftOut.push(`scenarios of IPv${family}: the node's pods have no such addresses`);
  }
  const runnable = selected
    .filter((group) => !own.includes(group))
    .map((group) => ({ ...group, scenarios: group.scenarios.filter(({ family }) => world.has(family)) }));
  return { runnable, leftOut };
}

async function runScenario(group: Group, scenario: Scenario, world: World): Promise<ScenarioResult> {
  const { name, expected } = scenario;
  const start = performance.now();
  const result = (seen: string, rule: string | null, why: string | null): ScenarioResult => {
    const milliseconds = Math.round(performance.now() - start);
    return { name, group: group.name, expected, seen, rule, milliseconds, ok: why === null, why };
  };
  try {
    const { seen, rule } = await scenario.run(world);
    return result(seen, rule, seen === expected ? null : `${seen} instead of ${expected}`);
  } catch (error) {
    if (error instanceof LabError && error.code === "timed-out") return result("nothing", null, error.message);
    return result("an error", null, error instanceof Error ? error.message : String(error));
  }
}

/** Waits, but not beyond the signal. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason as Error);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

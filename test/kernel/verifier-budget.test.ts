import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { datapathObjects } from "#agent/datapath/open-kernel.ts";
import { buildBpf } from "#bpf/build.ts";
import { needs } from "#test/support/requirement.ts";
import { budgetPath, kernelVersion, measure, type ProgramCost, readBudget } from "./verifier-budget.ts";

beforeEach(needs("root"));

/** Less is not worth a change of the table. */
const SLACK = 1.05;
const FIGURES = ["instructions", "verified", "states", "stack"] as const satisfies readonly (keyof ProgramCost)[];

const objects = datapathObjects.map((name) => resolve(import.meta.dirname, "../../dist/bpf", name));

test("no program costs the verifier 5 % more than bpf/verifier-budget.json says", () => {
  buildBpf();
  const found = Object.assign({}, ...objects.map(measure)) as ReturnType<typeof measure>;
  const budget = readBudget();
  if (process.env["WEIR_WRITE_BUDGET"] !== undefined) {
    writeFileSync(budgetPath, `${JSON.stringify({ ...budget, [kernelVersion()]: found }, null, 2)}\n`);
    return;
  }
  const here = budget[kernelVersion()];
  // Another compiler, or a kernel that the table does not have yet: the kernel's own limits hold all the same.
  if (process.env["WEIR_CLANG"] !== undefined || !here) {
    for (const { verified, stack } of Object.values(found)) {
      expect(verified).toBeLessThan(1_000_000);
      expect(stack).toBeLessThanOrEqual(512);
    }
    return;
  }
  expect(Object.keys(found).sort()).toEqual(Object.keys(here).sort());
  for (const [program, cost] of Object.entries(found)) {
    for (const figure of FIGURES) {
      const allowed = Math.ceil((here[program]?.[figure] ?? 0) * SLACK);
      expect(cost[figure], `${figure} of ${program}: see "A verifier budget" in bpf/README.md`).toBeLessThanOrEqual(
        allowed,
      );
    }
  }
});

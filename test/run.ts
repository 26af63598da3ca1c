/**
 * Runs the tests and ends with one line: `N passed, N failed, N skipped`.
 *
 *   node test/run.ts [FILTER...]      only files whose path contains a filter
 */
import { join, resolve } from "node:path";
import { startVitest } from "vitest/node";
import { tally } from "./support/tally.ts";

const root = resolve(import.meta.dirname, "..");

const vitest = await startVitest(process.argv.slice(2), {
  root,
  config: join(root, "test/vitest.config.ts"),
  watch: false,
  reporters: [["default", { summary: false }]],
});
const { passed, failed, skipped } = tally(vitest);
await vitest.close();

// With the same reason once: a machine without root skips whole folders.
const reasons = Map.groupBy(skipped, ({ reason }) => reason);
for (const [reason, tests] of reasons) {
  console.log(`skipped, ${reason}:`);
  for (const { name } of tests) console.log(`  ${name}`);
}
console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;

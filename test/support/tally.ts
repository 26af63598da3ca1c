import type { TestModule, TestSuite, Vitest } from "vitest/node";

/** What a test run came to, in the numbers of its closing line. */
export interface Tally {
  passed: number;
  failed: number;
  /** Each skipped test with its reason. */
  skipped: { name: string; reason: string }[];
}

function countErrors(node: TestModule | TestSuite): number {
  let errors = node.errors().length > 0 ? 1 : 0;
  for (const suite of node.children.suites()) errors += countErrors(suite);
  return errors;
}

/**
 * Counts the tests of a finished run. A file that does not load, a failing hook
 * and an error outside of any test count as failures, too.
 */
export function tally(vitest: Vitest): Tally {
  const result: Tally = { passed: 0, failed: 0, skipped: [] };
  for (const module of vitest.state.getTestModules()) {
    result.failed += countErrors(module);
    for (const test of module.children.allTests()) {
      const outcome = test.result();
      if (outcome.state === "passed") result.passed += 1;
      else if (outcome.state === "failed") result.failed += 1;
      else {
        const note = outcome.state === "skipped" ? outcome.note : undefined;
        result.skipped.push({
          name: `${module.relativeModuleId}: ${test.fullName}`,
          reason: note ?? (module.ok() ? "no reason given" : "its file or a hook failed"),
        });
      }
    }
  }
  result.failed += vitest.state.getUnhandledErrors().length;
  return result;
}

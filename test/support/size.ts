/** How much a test that scales does: `short` in `npm test`, `long` in `npm run test:long`. */
export type TestSize = "short" | "long";

export const testSize: TestSize = process.env["WEIR_TEST_SIZE"] === "long" ? "long" : "short";

/** Picks the number of runs, rules, packets of a property or scale test. */
export function sized(sizes: { readonly short: number; readonly long: number }): number {
  return sizes[testSize];
}

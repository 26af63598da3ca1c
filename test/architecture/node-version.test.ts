import { expect, test } from "vitest";

// A stock npm 10 can lose the link node_modules/.bin/node and then everything silently runs on the machine's own Node.
test("tests run on the Node that the lock file pins", () => {
  expect(Number(process.versions.node.split(".")[0])).toBeGreaterThanOrEqual(24);
});

import { expect, test } from "vitest";
import { makeNodeParts } from "./node-parts.ts";

test("a pod whose policy is known writes no policy slot, and so waits for no grace period", async () => {
  const { kernel, attach } = makeNodeParts();
  await attach("web-1", { app: "web" });
  kernel.writes.length = 0;
  await attach("web-2", { app: "web" });
  // Other labels, but no policy tells them apart.
  await attach("db-0", { app: "db" });
  expect(kernel.writes.filter((what) => what.includes("slot") && !what.startsWith("endpoint"))).toEqual([]);
});

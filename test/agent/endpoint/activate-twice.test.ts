import { expect, test } from "vitest";
import { makeNodeParts } from "./node-parts.ts";

test("an endpoint that is activated twice holds its identity once", async () => {
  const { endpoints, create, references } = makeNodeParts();
  const { id } = create("pod", {});
  await endpoints.activate(id, 7, undefined);
  await endpoints.activate(id, 7, undefined);
  await endpoints.release("pod", "eth0");
  expect(references()).toBe(0);
});

test("an activation that fails leaves nothing in the kernel, and holds no identity", async () => {
  const { endpoints, kernel, create, hostSide, references } = makeNodeParts();
  const { id } = create("pod", {});
  hostSide.isBroken = true;
  await expect(endpoints.activate(id, 7, undefined)).rejects.toThrow("the host side cannot be set up");
  expect([kernel.endpoints.read().size, references()]).toEqual([0, 0]);
});

test("a repeated activation does not cut off the pod", async () => {
  const { endpoints, kernel, create, hostSide } = makeNodeParts();
  const { id } = create("pod", {});
  await endpoints.activate(id, 7, undefined);
  hostSide.isBroken = true;
  await endpoints.activate(id, 7, undefined);
  expect(kernel.endpoints.read().has(id)).toBe(true);
});

import { expect, test } from "vitest";
import { makeNodeParts } from "./node-parts.ts";

test("an activation that fails leaves nothing in the kernel, and holds no identity", async () => {
  const { endpoints, kernel, create, hostSide, references } = makeNodeParts();
  const { id } = await create("pod", {});
  hostSide.isBroken = true;
  await expect(endpoints.activate(id, 7)).rejects.toThrow("the host side cannot be set up");
  expect([kernel.endpoints.read().size, references()]).toEqual([0, 0]);
});

test("an endpoint that is released gives its identity back", async () => {
  const { endpoints, attach, references } = makeNodeParts();
  await attach("pod", {});
  expect(references()).toBe(1);
  await endpoints.release("pod", "eth0");
  expect(references()).toBe(0);
});

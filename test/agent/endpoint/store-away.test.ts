import { expect, test } from "vitest";
import { objectsOf, serverPolicy } from "#test/support/two-pods.ts";
import { makeNodeParts } from "./node-parts.ts";

const relabelled = (...names: string[]) =>
  objectsOf(
    names
      .map(
        (name) => `
---
apiVersion: v1
kind: Pod
metadata: {name: ${name}, namespace: default, labels: {app: ${name}, new: "yes"}}
spec: {containers: [{name: x, image: y}]}`,
      )
      .join(""),
  );

test("a policy that needs new identities waits for the store, and is in force when it is applied again", async () => {
  const { policy, attach, store, references } = makeNodeParts();
  await attach("server", { app: "server" });
  await attach("client", { app: "client" });
  await policy.apply(objectsOf(serverPolicy("[{}]")));
  const before = references();
  store.isAway = true;
  // Nobody new: nothing is asked of the store.
  expect(await policy.apply(objectsOf(serverPolicy("[]")))).toBe(true);
  const objects = relabelled("client", "server");
  expect(await policy.apply(objects)).toBe(false);
  expect([policy.waitsForStore, policy.refusal]).toEqual([true, expect.stringContaining("no answer")]);
  expect(references()).toBe(before);
  store.isAway = false;
  expect(await policy.apply(objects)).toBe(true);
  expect([policy.waitsForStore, policy.refusal]).toEqual([false, null]);
});

test("a pod whose identity cannot be had is not there, and comes when the store answers", async () => {
  const { endpoints, create, store, references, attach } = makeNodeParts();
  store.isAway = true;
  const { id } = await create("client", { app: "client" });
  await expect(endpoints.activate(id, 7)).rejects.toMatchObject({ name: "StoreError", code: "unavailable" });
  await endpoints.release("client", "eth0");
  expect(references()).toBe(0);
  store.isAway = false;
  await attach("client", { app: "client" });
  expect(references()).toBe(1);
});

test("what pods got before the store went away in the middle is given back", async () => {
  const { policy, attach, store, references } = makeNodeParts();
  await attach("server", { app: "server" });
  await attach("client", { app: "client" });
  const before = references();
  store.isAwayAfter = 1;
  expect(await policy.apply(relabelled("client", "server"))).toBe(false);
  expect(references()).toBe(before);
});

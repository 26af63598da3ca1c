import { expect, test } from "vitest";
import { objectsOf } from "#test/support/two-pods.ts";
import { makeNodeParts } from "./node-parts.ts";

const allowing = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: server, namespace: default}
spec:
  podSelector: {matchLabels: {app: server}}
  policyTypes: [Ingress]
  ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]`;

test("what somebody took out of the kernel is there again, for all that share the policy, and no packet is judged otherwise meanwhile", async () => {
  const { kernel, policy, endpoints, attach } = makeNodeParts();
  const destination = await attach("server", { app: "server" });
  const sharing = await attach("other", { app: "server" });
  const source = await attach("client", { app: "client" });
  await policy.apply(objectsOf(allowing));
  const verdicts = () =>
    [destination, sharing].map(
      (to) => kernel.judge({ source, destination: to, protocol: 6, port: 80 }).ingress.verdict,
    );
  expect(verdicts()).toEqual(["allow", "allow"]);
  const id = endpoints.list().find(({ record }) => record.pod === "server")?.record.id ?? 0;
  const seen = new Set<string>();
  kernel.onWrite = () => verdicts().forEach((verdict) => seen.add(verdict));
  await endpoints.regenerate(id);
  expect([...seen]).toEqual(["allow"]);
  kernel.onWrite = () => undefined;
  const slot = kernel.endpoints.read().get(id)?.policy[0] ?? 0;
  kernel.policies.remove(slot, kernel.policies.read().get(slot) ?? []);
  expect(verdicts()).toEqual(["deny", "deny"]);
  await endpoints.regenerate(id);
  expect(verdicts()).toEqual(["allow", "allow"]);
  expect(endpoints.log(id)?.map(({ event }) => event)).toEqual(["created", "ready", "regenerated", "regenerated"]);
  expect([...kernel.policies.read().keys()]).not.toContain(slot);
});

test("an endpoint that is not there", async () => {
  await expect(makeNodeParts().endpoints.regenerate(77)).rejects.toMatchObject({ code: "not-found" });
});

import { expect, test } from "vitest";
import { objectsOf, serverPolicy } from "#test/support/two-pods.ts";
import { makeNodeParts } from "./node-parts.ts";

/** Rules about one range, each without an address of its own: every one must be compared with all those addresses. */
function many(rules: number): string {
  const peers = Array.from(
    { length: rules },
    (_, i) => `{from: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.${i >> 8}.${i & 255}.1/32]}}]}`,
  );
  return serverPolicy(`[${peers.join(", ")}]`);
}

test("a policy that would take too long to compute is refused by its name, and the old one stays", async () => {
  const { policy, kernel, attach } = makeNodeParts();
  const destination = await attach("server", { app: "server" });
  const source = await attach("client", { app: "client" });
  const verdict = (): string => kernel.judge({ source, destination, protocol: 6, port: 80 }).ingress.verdict;
  expect(await policy.apply(objectsOf(serverPolicy("[]")))).toBe(true);
  expect(await policy.apply(objectsOf(many(4_000)))).toBe(false);
  expect(policy.refusal).toMatch(
    /^put policy in force: NetworkPolicy default\/server is too large: .*; the old policy stays$/,
  );
  expect(verdict()).toBe("deny");
  expect(await policy.apply(objectsOf(serverPolicy("[{}]")))).toBe(true);
  expect(verdict()).toBe("allow");
});

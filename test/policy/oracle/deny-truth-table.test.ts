import { expect, test } from "vitest";
import type { CiliumRule } from "#policy/model/cilium-object.ts";
import type { Flow } from "#policy/model/flow.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { GET, ciliumPolicy, ciliumRule, onPort, portItem } from "#test/support/cilium-objects.ts";
import { labelled, pod, tcp } from "#test/support/policy-objects.ts";

const client = pod("n/client", "10.0.0.1");
const server = pod("n/server", "10.0.0.2");
const probes: readonly Flow[] = [
  tcp(client, server, 81),
  tcp(client, server, 80),
  { source: client, destination: server, protocol: "ICMP", port: 8 },
];

const ofClient = ciliumRule({ endpoints: [labelled({ app: "client" })] });
const on = (port: number): CiliumRule => ciliumRule({ ports: [portItem([onPort(port)])] });
const allows = [ciliumRule({ ports: [portItem([onPort(80)], GET)] }), on(80), on(81), ofClient];

/** Port 81, port 80 and a ping: allowed in some way (A), or denied (D). */
const table: readonly [title: string, allows: CiliumRule[], denies: CiliumRule[], expected: string][] = [
  ["no deny", allows, [], "AAA"],
  ["deny of port 80", allows, [on(80)], "ADA"],
  ["deny of the client", allows, [ofClient], "DDD"],
  ["deny of both", allows, [on(80), ofClient], "DDD"],
  ["deny of port 80 and no allow", [], [on(80)], "DDD"],
];

test.each(table)("%s", (_, ingress, ingressDeny, expected) => {
  const policy = ciliumPolicy({ endpoints: labelled({ app: "server" }), ingress, ingressDeny });
  const verdicts = probes.map((flow) => judge([policy], flow).ingress.verdict);
  expect(verdicts.map((verdict) => (verdict === "deny" ? "D" : "A")).join("")).toBe(expected);
});

test("a deny names all rules that deny, and no other", () => {
  const policy = ciliumPolicy({ ingress: allows, ingressDeny: [on(81), ofClient, on(80), ofClient] });
  expect(judge([policy], tcp(client, server, 80)).ingress).toEqual({
    verdict: "deny",
    rules: [1, 2, 3].map((i) => `CiliumNetworkPolicy n/c ingressDeny[${i}]`),
  });
});

test("a deny does what it says also where no policy isolates", () => {
  const policy = ciliumPolicy({ ingressDeny: [on(80)], defaultDeny: { ingress: false, egress: false } });
  expect(probes.map((flow) => judge([policy], flow).ingress.verdict)).toEqual(["allow", "deny", "allow"]);
});

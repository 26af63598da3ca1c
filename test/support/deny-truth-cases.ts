import type { CiliumPolicyObject, CiliumRule } from "#policy/model/cilium-object.ts";
import type { Flow } from "#policy/model/flow.ts";
import { GET, ciliumPolicy, ciliumRule, onPort, portItem } from "./cilium-objects.ts";
import { labelled, pod, tcp } from "./policy-objects.ts";

export interface DenyTruthCase {
  readonly title: string;
  readonly policy: CiliumPolicyObject;
  /** What becomes of {@link denyTruthProbes}, in their order: allowed in some way (A), or denied (D). */
  readonly expected: string;
}

const client = pod("n/client", "10.0.0.1");
const server = pod("n/server", "10.0.0.2");

/** Port 81, port 80 and a ping, of the client to the server. */
export const denyTruthProbes: readonly Flow[] = [
  tcp(client, server, 81),
  tcp(client, server, 80),
  { source: client, destination: server, protocol: "ICMP", port: 8 },
];

const ofClient = ciliumRule({ endpoints: [labelled({ app: "client" })] });
const on = (port: number): CiliumRule => ciliumRule({ ports: [portItem([onPort(port)])] });
const allows = [ciliumRule({ ports: [portItem([onPort(80)], GET)] }), on(80), on(81), ofClient];

const one = (title: string, ingress: CiliumRule[], ingressDeny: CiliumRule[], expected: string): DenyTruthCase => {
  return { title, policy: ciliumPolicy({ endpoints: labelled({ app: "server" }), ingress, ingressDeny }), expected };
};

/** Allows of a port with HTTP, of two ports, and of the client, beside denies. */
export const denyTruthCases: readonly DenyTruthCase[] = [
  one("no deny", allows, [], "AAA"),
  one("deny of port 80", allows, [on(80)], "ADA"),
  one("deny of the client", allows, [ofClient], "DDD"),
  one("deny of both", allows, [on(80), ofClient], "DDD"),
  one("deny of port 80 and no allow", [], [on(80)], "DDD"),
];

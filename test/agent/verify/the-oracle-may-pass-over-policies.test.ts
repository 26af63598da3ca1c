import { expect, test } from "vitest";
import { FiledObjects } from "#agent/verify/governing.ts";
import { PeerPolicies } from "#agent/verify/peer-policies.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { randomCluster } from "#test/support/random-policy.ts";
import { sized } from "#test/support/size.ts";

test("objects that are left out for a pod and its peer make no difference to the oracle", () => {
  let [all, left] = [0, 0];
  for (let seed = 1; seed <= sized({ short: 500, long: 10_000 }); seed++) {
    const { objects, flows } = randomCluster(seed, { flows: 20 });
    const filed = new FiledObjects(objects);
    const options = { at: 1_500 };
    for (const flow of flows) {
      for (const direction of ["ingress", "egress"] as const) {
        const [self, peer] = direction === "egress" ? [flow.source, flow.destination] : [flow.destination, flow.source];
        if (!self.subject) continue;
        const { policies } = filed.governing(self.subject);
        const namespaces = filed.namespaces(self.subject.namespace, peer.subject?.namespace ?? "");
        const context = [...filed.references, ...namespaces];
        // As about any other port.
        const any = { ...flow, protocol: "TCP", port: 0 } as const;
        const near = new PeerPolicies(policies, options).of(direction, any, context);
        const told = `seed ${seed}, ${direction}: ${JSON.stringify(flow)}`;
        expect(judge([...near, ...context], flow, options)[direction], told).toEqual(
          judge(objects, flow, options)[direction],
        );
        all += objects.length;
        left += objects.length - near.length - context.length;
      }
    }
  }
  expect(left).toBeGreaterThan(all / 4);
});

import type { Trace } from "#agent/api/trace-views.ts";

const rule = { kind: "NetworkPolicy", namespace: "shop", name: "web", rule: "egress[0]", file: "web.yaml", line: 14 };
const nearest = {
  kind: "NetworkPolicy",
  namespace: "shop",
  name: "db",
  rule: "ingress[0]",
  file: "db.yaml",
  line: 9,
  because: "port 5432 is not 5433",
};

const isolating = { kind: "NetworkPolicy", namespace: "shop", name: "db", file: "db.yaml", line: 3 };

/** A packet that the receiver's policy drops. */
export const deniedTrace: Trace = {
  verdict: "deny",
  outcome: "dropped by pod_egress at weir3fa1: no rule allows it",
  dropReason: "POLICY_DENIED",
  egress: { verdict: "allow", by: [rule], nearest: null },
  ingress: { verdict: "deny", by: [], nearest, isolatedBy: [isolating] },
  generation: 41,
  packet: {
    source: "10.0.0.7",
    sourcePort: 40_000,
    destination: "10.0.0.8",
    destinationPort: 5432,
    protocol: "TCP",
    flags: ["SYN"],
    frame: "0600",
  },
  steps: [
    {
      program: { name: "pod_egress", id: 77, tag: "0123456789abcdef", returned: 2 },
      interface: "weir3fa1",
      ifindex: 7,
      outcome: "drop",
      stages: [
        {
          stage: "egress-policy",
          says: "allow by slot 3",
          entries: [
            { map: "policy", key: { slot: 3, peer: 20_482 }, value: { verdict: "allow", rule: 9 } },
            { map: "policy", key: { slot: 3, peer: 0 }, value: null },
          ],
          rules: [rule],
        },
        { stage: "next", says: "ends here", entries: [] },
      ],
      flows: [],
    },
  ],
  differences: [],
};

import { PolicyEngine } from "#policy/compile/engine.ts";
import type { Subject } from "#policy/model/identity.ts";
import { NO_CONTROLS } from "#policy/model/controls.ts";
import type { NetworkPolicyObject } from "#policy/model/object.ts";
import { Datapath } from "#test/support/datapath.ts";
import { makeEndpoint, makeEnforcement } from "#test/support/enforcement.ts";
import { type BenchResult, median } from "./result.ts";

const runs = 9;
const identities = 3_000;
const rules = 1_000;

const subject = (labels: Record<string, string>): Subject => ({
  namespace: "n",
  labels,
  serviceAccount: "default",
  namedPorts: [],
});

/** 1,000 rules for one server: 30,000 entries with 3,000 identities. */
function policies(firstPort: number): NetworkPolicyObject[] {
  return Array.from({ length: rules }, (_, i) => ({
    kind: "NetworkPolicy",
    controls: NO_CONTROLS,
    namespace: "n",
    name: `p${i}`,
    source: { file: "bench.yaml", line: 1 },
    podSelector: { matchLabels: { app: "server" }, matchExpressions: [] },
    policyTypes: ["Ingress"],
    ingress: [
      {
        line: 1,
        peers: [
          {
            podSelector: { matchLabels: { app: `app-${i % 100}` }, matchExpressions: [] },
            namespaceSelector: null,
            ipBlock: null,
          },
        ],
        ports: [{ protocol: "TCP", port: firstPort + Math.floor(i / 100), endPort: null }],
      },
    ],
    egress: [],
  }));
}

/** From changed objects to the generation in the kernel, one transaction each. */
export async function enforcementCases(): Promise<BenchResult[]> {
  using datapath = new Datapath({ policyEntries: 65_536, endpointsMax: 4_096 });
  const { enforcement } = makeEnforcement(datapath.kernel);
  const address = (i: number): string => `10.0.${i >> 8}.${i & 255}`;
  const endpoint = (i: number, labels: Record<string, string>) => ({
    ...makeEndpoint(i, subject(labels), 256 + i, address(i)),
    ifindex: 1_000 + i,
  });
  await enforcement.add(endpoint(1, { app: "server" }));
  for (let i = 0; i < identities; i++) await enforcement.add(endpoint(i + 2, { app: `app-${i % 100}`, pod: `${i}` }));
  await enforcement.replacePolicy(new PolicyEngine(policies(80)), { always: true });

  // In force is the new policy with the one store of the generation; what follows is clearing up.
  const { control } = datapath.kernel;
  const advance = control.advanceGeneration.bind(control);
  let inForce = 0;
  control.advanceGeneration = () => {
    const generation = advance();
    inForce = performance.now();
    return generation;
  };
  const change: number[] = [];
  const whole: number[] = [];
  for (let run = 0; run < runs; run++) {
    const objects = policies(run % 2 === 0 ? 180 : 80);
    const begin = performance.now();
    await enforcement.replacePolicy(new PolicyEngine(objects), { always: true });
    change.push(inForce - begin);
    whole.push(performance.now() - begin);
  }
  const one: number[] = [];
  for (let run = 0; run < runs; run++) {
    const added = endpoint(identities + 10 + run, { app: `app-${run}`, pod: `new-${run}` });
    const begin = performance.now();
    await enforcement.add(added);
    one.push(performance.now() - begin);
  }
  const result = (name: string, values: readonly number[], target: number | null): BenchResult => {
    return { suite: "policy", case: name, value: median(values), unit: "ms", target, runs };
  };
  return [
    result("kernel-1000x3000", change, 150),
    result("kernel-1000x3000-cleared-up", whole, null),
    result("kernel-one-identity", one, 10),
  ];
}

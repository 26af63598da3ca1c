import { StagedTraffic } from "#agent/node/staged-traffic.ts";
import { FlowRing } from "#agent/flows/ring.ts";
import { PolicyEngine } from "#policy/compile/engine.ts";
import { event, webEnd, dbEnd, FakeContext } from "#test/agent/flows/fixture.ts";
import { clusterPolicy, clusterRule, kubernetesPolicy, kubernetesRule, pod } from "#test/support/policy-objects.ts";
const STAGED = { object: { staged: true }, rules: {} };
const subjects: any = { 12: pod("n/web", "10.0.0.7").subject, 13: pod("n/db", "10.0.0.8").subject };
function run(name: string, objects: any[], vary: number, judge = true) {
  const engine = new PolicyEngine(objects);
  engine.addIdentity(webEnd.identity, subjects[12]); engine.addIdentity(dbEnd.identity, subjects[13]);
  for (let i = 0; i < 3000; i++) engine.addIdentity(30000 + i, pod(`n/x${i}`, "10.0.0.9").subject);
  const t = new StagedTraffic({ enforcement: { engine }, endpoints: { get: (id: number) => subjects[id] && { subject: subjects[id] } }, kernel: { control: { generation: () => 41n } }, clock: { wallNanoseconds: (b: bigint) => b } } as any);
  const ring = new FlowRing(new FakeContext());
  const events = Array.from({ length: vary }, (_, i) => event({ destinationPort: 1 + i }));
  const N = 400_000; let found = 0; let best = Infinity;
  for (let r = 0; r < 5; r++) { const s = process.hrtime.bigint();
    for (let i = 0; i < N; i++) { const e = events[i % vary]!; if (judge) { const o = t.see(e); found += o.length; ring.add(e, o); } else ring.add(e); }
    best = Math.min(best, Number(process.hrtime.bigint() - s) / N); }
  console.log(name.padEnd(50), best.toFixed(0), "ns/event", found > 0 ? "differs" : "");
}
const many = Array.from({ length: 1000 }, (_, i) => kubernetesRule({ line: i, ports: [{ protocol: "TCP", port: 1000 + i, endPort: null }] }));
run("ring alone", [], 1, false);
run("nothing staged", [kubernetesPolicy({ ingress: [kubernetesRule()] })], 1);
run("staged for others", [kubernetesPolicy({ namespace: "m", ingress: [], controls: STAGED })], 1);
run("staged deny, differs, one connection kind", [kubernetesPolicy({ ingress: [], controls: STAGED })], 1);
run("staged allow, no difference", [kubernetesPolicy({ ingress: [kubernetesRule()], controls: STAGED })], 1);
run("staged 1000 rules, 1000 ports", [kubernetesPolicy({ ingress: many, controls: STAGED })], 1000);
run("staged 1000 rules, 20000 ports (memo thrashes)", [kubernetesPolicy({ ingress: many, controls: STAGED })], 20000);

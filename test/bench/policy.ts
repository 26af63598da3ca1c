import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { PolicyEngine } from "#policy/compile/engine.ts";
import type { Subject } from "#policy/model/identity.ts";
import { NO_CONTROLS } from "#policy/model/controls.ts";
import type { NetworkPolicyObject, NetworkPolicyPeer, NetworkPolicyPort } from "#policy/model/object.ts";
import type { LabelSelector } from "#policy/model/selector.ts";
import { enforcementCases } from "./enforcement.ts";
import { type BenchResult, median } from "./result.ts";

const RUNS = 9;
const NAMESPACES = 50;

/** Computing policy in user space; and bringing it into the kernel. */
export async function suite(): Promise<BenchResult[]> {
  return [
    timed("endpoint-1000x3000", 20, endpoint),
    timed("cidr-1000", 40, cidrs),
    timed("one-identity", 5, oneIdentity),
    timed("one-policy", 50, onePolicy),
    timed("full", 5000, full),
    memory(),
    ...(await enforcementCases()),
  ];
}

/** One endpoint that 1,000 rules select, 3,000 identities, 30,000 entries; nothing is known from an earlier run. */
function endpoint(): () => void {
  const peers = Array.from({ length: 1000 }, (_, i) => pods({ app: `app-${i % 100}` }));
  const engine = new PolicyEngine(peers.map((peer, i) => policy(i, "n", {}, peer, [80 + Math.floor(i / 100)])));
  for (let i = 0; i < 3000; i++) engine.addIdentity(256 + i, subject("n", { app: `app-${i % 100}`, pod: `${i}` }));
  return () => void engine.compile(subject("n", { app: "server" }));
}

/** One endpoint, 1,000 rules with an address block and 45 ports each: 45,000 entries. */
function cidrs(): () => void {
  const ports = Array.from({ length: 45 }, (_, i) => 1000 + 2 * i);
  const block = (i: number): string => `10.${i >> 8}.${i & 255}.0/24`;
  const engine = new PolicyEngine(
    Array.from({ length: 1000 }, (_, i) => {
      const ipBlock = { cidr: block(i), except: [] };
      return policy(i, "n", {}, { podSelector: null, namespaceSelector: null, ipBlock }, ports);
    }),
  );
  for (let i = 0; i < 1000; i++) engine.addClass((1 << 24) + 1 + i, [block(i)]);
  return () => void engine.compile(subject("n", {}));
}

interface Cluster {
  readonly policies: readonly NetworkPolicyObject[];
  readonly identities: readonly Subject[];
  /** Of the endpoints on this node. */
  readonly local: readonly Subject[];
}

/** 10,000 identities, 2,000 policies, 250 local endpoints. */
function cluster(): Cluster {
  const namespace = (i: number): string => `ns-${i % NAMESPACES}`;
  const labels = (i: number): Record<string, string> => ({
    app: `app-${Math.floor(i / NAMESPACES) % 40}`,
    pod: `${i}`,
  });
  const identities = Array.from({ length: 10_000 }, (_, i) => subject(namespace(i), labels(i)));
  const policies = Array.from({ length: 2000 }, (_, i) => {
    const app = Math.floor(i / NAMESPACES);
    return policy(i, namespace(i), { app: `app-${app}` }, pods({ app: `app-${(app + 1) % 40}` }), [80, 443]);
  });
  return { policies, identities, local: identities.slice(0, 250) };
}

function engineOf({ policies, identities }: Cluster): PolicyEngine {
  const engine = new PolicyEngine(policies);
  for (const [i, identity] of identities.entries()) engine.addIdentity(256 + i, identity);
  return engine;
}

function compileAll(engine: PolicyEngine, subjects: readonly Subject[]): void {
  for (const one of subjects) engine.compile(one);
}

function oneIdentity(): () => void {
  const all = cluster();
  const engine = engineOf(all);
  compileAll(engine, all.local);
  return () => {
    engine.addIdentity(60_000, subject("ns-1", { app: "app-1", pod: "new" }));
    for (const one of all.local) engine.entriesFor(one, 60_000);
  };
}

/** Everything that a changed policy makes the agent compute; it tells the engine of all identities, as the agent does. */
function onePolicy(): () => void {
  const all = cluster();
  const engine = engineOf(all);
  compileAll(engine, all.local);
  const changed = policy(0, "ns-0", { app: "app-0" }, pods({ app: "app-7" }), [8080]);
  return () => {
    const next = engine.evolve([changed, ...all.policies.slice(1)]);
    for (const [i, identity] of all.identities.entries()) next.addIdentity(256 + i, identity);
    compileAll(next, all.local);
  };
}

/** From objects to the entries of all endpoints. */
function full(): () => void {
  const all = cluster();
  return () => compileAll(engineOf(all), all.local);
}

function memory(): BenchResult {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  gc();
  const before = process.memoryUsage().heapUsed;
  const all = cluster();
  const engine = engineOf(all);
  const compiled = all.local.map((one) => engine.compile(one));
  gc();
  const bytes = process.memoryUsage().heapUsed - before;
  // Whatever is measured must still be reachable.
  if (compiled.length !== all.local.length) throw new Error("measure memory: endpoints are missing");
  return { suite: "policy", case: "memory", value: bytes / 1e6, unit: "MB", target: 300, runs: 1 };
}

/** @param prepare Makes ready, untimed, what the function that it returns then does, timed. */
function timed(name: string, target: number, prepare: () => () => void): BenchResult {
  const times = Array.from({ length: RUNS }, () => {
    const run = prepare();
    const begin = performance.now();
    run();
    return performance.now() - begin;
  });
  return { suite: "policy", case: name, value: median(times), unit: "ms", target, runs: RUNS };
}

function subject(namespace: string, labels: Record<string, string>): Subject {
  return { namespace, labels, serviceAccount: "default", namedPorts: [] };
}

function pods(matchLabels: Record<string, string>): NetworkPolicyPeer {
  return { podSelector: selector(matchLabels), namespaceSelector: null, ipBlock: null };
}

function selector(matchLabels: Record<string, string>): LabelSelector {
  return { matchLabels, matchExpressions: [] };
}

function policy(
  index: number,
  namespace: string,
  subjects: Record<string, string>,
  peer: NetworkPolicyPeer,
  ports: readonly number[],
): NetworkPolicyObject {
  const toPort = (port: number): NetworkPolicyPort => ({ protocol: "TCP", port, endPort: null });
  return {
    kind: "NetworkPolicy",
    controls: NO_CONTROLS,
    namespace,
    name: `policy-${index}`,
    source: { file: "bench.yaml", line: index },
    podSelector: selector(subjects),
    policyTypes: ["Ingress"],
    ingress: [{ line: index, peers: [peer], ports: ports.map(toPort) }],
    egress: [],
  };
}

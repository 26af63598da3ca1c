/**
 * Nanoseconds a packet takes in the programs, by BPF_PROG_TEST_RUN, net of an empty
 * program in the same run.
 */
import { resolve } from "node:path";
import { BpfObject, Program } from "libbpf-ts";
import type { GuardedEndpoint } from "#agent/endpoint/guarded-endpoint.ts";
import { compileBpf } from "#bpf/build.ts";
import { PolicyEngine } from "#policy/compile/engine.ts";
import { NO_CONTROLS } from "#policy/model/controls.ts";
import type { NetworkPolicyObject } from "#policy/model/object.ts";
import { Action, Datapath } from "#test/support/datapath.ts";
import { makeEndpoint, makeEnforcement } from "#test/support/enforcement.ts";
import type { TcpFlag } from "#test/support/packet.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { type BenchResult, median } from "./result.ts";
import { trafficCases } from "./traffic.ts";

const rounds = 400;
/** Runs on one packet: its TTL is 64. */
const repeat = 50;

const subject = (app: string) => ({ namespace: "default", labels: { app }, serviceAccount: "default", namedPorts: [] });

/** A server that takes TCP 80 from clients, a client that may send there, and rules for as many addresses as wanted. */
function policies(extraCidrs: number): NetworkPolicyObject[] {
  const none = { podSelector: null, namespaceSelector: null, ipBlock: null };
  const select = (app: string) => ({ matchLabels: { app }, matchExpressions: [] });
  const ports = [{ protocol: "TCP" as const, port: 80, endPort: null }];
  const blocks = Array.from({ length: extraCidrs }, (_, i) => ({
    ...none,
    ipBlock: { cidr: `172.${16 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}/32`, except: [] },
  }));
  const base = {
    kind: "NetworkPolicy" as const,
    namespace: "default",
    source: { file: "bench.yaml", line: 1 },
    controls: NO_CONTROLS,
  };
  return [
    {
      ...base,
      name: "server",
      podSelector: select("server"),
      policyTypes: ["Ingress"],
      ingress: [{ line: 1, peers: [{ ...none, podSelector: select("client") }, ...blocks], ports }],
      egress: [],
    },
    {
      ...base,
      name: "client",
      podSelector: select("client"),
      policyTypes: ["Egress"],
      ingress: [],
      egress: [{ line: 1, peers: [{ ...none, podSelector: select("server") }, ...blocks], ports }],
    },
  ];
}

interface Setup extends Disposable {
  readonly datapath: Datapath;
  readonly client: GuardedEndpoint;
  readonly server: GuardedEndpoint;
}

async function setUp(extraCidrs: number): Promise<Setup> {
  const datapath = new Datapath({ policyEntries: 65_536 });
  const { enforcement } = makeEnforcement(datapath.kernel);
  // After one run the frame has the receiver's MAC addresses: the sender's own is the same, so
  // that the frame can be run again.
  const mac = "02:00:00:00:00:0a";
  // The device of the test runs: both are behind it, so that each is where its packets come from.
  const ifindex = 1;
  const client = { ...makeEndpoint(2, subject("client"), 256), mac, hostMac: mac, ifindex };
  const server = { ...makeEndpoint(3, subject("server"), 257), mac, hostMac: mac, ifindex };
  for (const endpoint of [client, server]) await enforcement.add(endpoint);
  await enforcement.replacePolicy(new PolicyEngine(policies(extraCidrs)), { always: true });
  return { datapath, client, server, [Symbol.dispose]: () => datapath[Symbol.dispose]() };
}

function frame({ datapath }: Setup, from: GuardedEndpoint, to: string, ports: [number, number], flags: TcpFlag[]) {
  const [sport, dport] = ports;
  return datapath.packet(from, {
    source: from.ipv4 as string,
    destination: to,
    transport: { kind: "tcp", sport, dport, flags },
    size: 64,
  });
}

/** Median ns of one run over many rounds of fresh packets; events are taken out between. */
function measure(setup: Setup, program: Program, data: Uint8Array, expected: number, times = repeat): number {
  const samples: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const result = program.testRun({ data: data.slice(), context: { ifindex: 1 }, repeat: times });
    if (result.returnValue !== expected)
      throw new Error(`bench: the program returned ${result.returnValue}, not ${expected}`);
    samples.push(result.duration);
    if (round % 50 === 0) setup.datapath.events();
  }
  setup.datapath.events();
  return median(samples);
}

/**
 * Milliseconds that the programs of pods take to load. Of their maps the large ones are small here: those are
 * made once, and every later load takes them over.
 */
function loadTime(): number {
  using object = BpfObject.open(resolve(import.meta.dirname, "../../dist/bpf/pod.bpf.o"), "measured");
  for (const name of ["conntrack4", "conntrack6", "fragments"]) object.setMaxEntries(name, 1024);
  const begin = performance.now();
  object.load();
  return performance.now() - begin;
}

async function emptyProgram(stack: DisposableStack): Promise<Program> {
  const folder = stack.use(new TemporaryFolder());
  const output = folder.join("empty.bpf.o");
  compileBpf(resolve(import.meta.dirname, "../fixtures/bpf/empty.c"), output);
  const object = stack.use(BpfObject.open(output, "empty"));
  object.load();
  return stack.use(object.program("empty"));
}

async function establishedCase(extraCidrs: number, empty: Program): Promise<{ value: number; setup: Setup }> {
  const setup = await setUp(extraCidrs);
  const { datapath, client, server } = setup;
  const to = server.ipv4 as string;
  datapath.send(client, frame(setup, client, to, [40_000, 80], ["SYN"]));
  datapath.send(server, frame(setup, server, client.ipv4 as string, [80, 40_000], ["SYN", "ACK"]));
  datapath.place(client);
  const data = frame(setup, client, to, [40_000, 80], ["ACK"]);
  const base = measure(setup, empty, data, Action.next);
  const value = measure(setup, datapath.program("pod_egress"), data, Action.redirect) - base;
  return { value, setup };
}

/** First packets: each run has another source port, so none can be repeated. */
function newConnections(setup: Setup, empty: Program): number {
  const { datapath, client, server } = setup;
  datapath.place(client);
  const net: number[] = [];
  for (let i = 0; i < 4_000; i++) {
    const data = frame(setup, client, server.ipv4 as string, [20_000 + i, 80], ["SYN"]);
    const base = empty.testRun({ data, context: { ifindex: 1 } }).duration;
    net.push(datapath.program("pod_egress").testRun({ data, context: { ifindex: 1 } }).duration - base);
    if (i % 500 === 0) datapath.events();
  }
  return median(net);
}

export async function suite(): Promise<BenchResult[]> {
  using stack = new DisposableStack();
  const empty = await emptyProgram(stack);
  const results: BenchResult[] = [];
  const add = (name: string, value: number, unit: string, target: number | null, runs = rounds * repeat): void => {
    results.push({ suite: "datapath", case: name, value, unit, target, runs });
  };

  const loads = Array.from({ length: 9 }, loadTime);
  add("load", median(loads), "ms", 80, loads.length);
  using small = (await establishedCase(100, empty)).setup;
  const egress = small.datapath.program("pod_egress");
  add("instructions", egress.info.translatedSize / 8, "instructions", 6_000, 1);
  add("instructions-verified", egress.info.verifiedInstructions, "instructions", null, 1);

  const { datapath, client, server } = small;
  const base = measure(small, empty, frame(small, client, server.ipv4 as string, [40_000, 80], ["ACK"]), Action.next);
  add("empty", base, "ns", null);
  datapath.place(client);
  const toServer = frame(small, client, server.ipv4 as string, [40_000, 80], ["ACK"]);
  add("local-established", measure(small, egress, toServer, Action.redirect) - base, "ns", 180);
  datapath.place(server);
  const toClient = frame(small, server, client.ipv4 as string, [80, 40_000], ["ACK"]);
  add("reply", measure(small, egress, toClient, Action.redirect) - base, "ns", 120);
  const abroad = frame(small, server, "192.0.2.1", [40_001, 443], ["ACK"]);
  add("remote-established", measure(small, egress, abroad, Action.next) - base, "ns", 140);
  datapath.place(client);
  const denied = frame(small, client, server.ipv4 as string, [40_002, 81], ["SYN"]);
  add("drop", measure(small, egress, denied, Action.drop) - base, "ns", 160);
  add("new-connection", newConnections(small, empty), "ns", 1_200, 4_000);

  const large = await establishedCase(10_000, empty);
  using _large = large.setup;
  add("local-established-large", large.value, "ns", 190);
  add(
    "events-lost",
    Number(datapath.kernel.eventsLost() + large.setup.datapath.kernel.eventsLost()),
    "events",
    null,
    1,
  );

  results.push(...(await outerWrites(datapath)));
  results.push(...(await trafficCases()));
  return results;
}

/** What it costs to make a policy slot: the kernel waits for an RCU grace period. */
async function outerWrites({ kernel }: Datapath): Promise<BenchResult[]> {
  const entry = { peer: 0, direction: "ingress", protocol: 0, port: 0, portBits: 0, verdict: "allow" } as const;
  let slot = 1_000_000;
  const time = async (count: number): Promise<number> => {
    const samples: number[] = [];
    for (let i = 0; i < 15; i++) {
      const slots = new Map(
        Array.from({ length: count }, () => [
          slot++,
          [{ ...entry, precedence: 1, isPlain: false, failsOpen: false, rule: 0, below: null, limit: 0, notAfter: 0n }],
        ]),
      );
      const begin = performance.now();
      await kernel.policies.insert(slots);
      samples.push(performance.now() - begin);
      await kernel.policies.delete([...slots.keys()]);
    }
    return median(samples);
  };
  const result = (name: string, value: number): BenchResult => {
    return { suite: "datapath", case: name, value, unit: "ms", target: null, runs: 15 };
  };
  return [result("outer-write-one", await time(1)), result("outer-write-batch-64", await time(64))];
}

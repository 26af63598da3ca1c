import { isDeepStrictEqual } from "node:util";
import type { Flow } from "#agent/api/flow.ts";
import { Written } from "#agent/api/json-text.ts";
import { flowQuery } from "#agent/api/flow-filter.ts";
import { eventRecord } from "#agent/datapath/layouts.gen.ts";
import type { GuardedEndpoint } from "#agent/endpoint/guarded-endpoint.ts";
import { Outsiders } from "#agent/endpoint/outsiders.ts";
import type { JudgingPolicy } from "#agent/endpoint/policy-controller.ts";
import { FlowReader } from "#agent/flows/reader.ts";
import { FlowRing } from "#agent/flows/ring.ts";
import { NodeFlowContext } from "#agent/node/flow-context.ts";
import { PolicyEngine } from "#policy/compile/engine.ts";
import type { Flow as PolicyFlow, Party } from "#policy/model/flow.ts";
import type { Subject } from "#policy/model/identity.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { Datapath } from "./datapath.ts";
import { makeEndpoint, makeEnforcement, MemoryClasses } from "./enforcement.ts";
import { firstTransport } from "./first-transport.ts";

const firstIdentity = 256;
const query = flowQuery.parse({ last: "1" });

/** From where source ports are counted, and where they begin anew. */
const ports = { first: 1024, end: 65_536 };

interface Pod {
  readonly record: {
    readonly id: number;
    readonly incarnation: number;
    readonly identity: number;
    readonly ifindex: number;
    readonly hostInterface: string;
    readonly namespace: string;
    readonly pod: string;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly subject: Subject;
  readonly guarded: GuardedEndpoint;
}

/**
 * All of a node that an event passes by until somebody reads it as a flow: the real programs and maps, the kernel's
 * ring, the agent's, and what the agent knows of pods and rules. Nothing is attached; packets are test runs.
 */
export class TellingNode implements Disposable {
  readonly #datapath = new Datapath();
  readonly #setup = makeEnforcement(this.#datapath.kernel);
  readonly #pods = new Map<number, Pod>();
  #parties: ReadonlyMap<string, Party> = new Map();
  readonly #identities = new Map<string, number>();
  readonly #subjects = new Map<number, Subject>();
  readonly #policies = new Map<bigint, JudgingPolicy>();
  readonly #ring: FlowRing;
  readonly #reader: FlowReader;
  #port = ports.first;
  #endpoints = 0;

  constructor() {
    this.#datapath.sayProxyWorks();
    const { enforcement, references } = this.#setup;
    const context = new NodeFlowContext({
      config: { nodeName: "n1" },
      clock: { wallNanoseconds: (boot) => boot, now: () => new Date() },
      endpoints: { list: () => [...this.#pods.values()], get: (id) => this.#pods.get(id) },
      identities: { subject: (id) => this.#subjects.get(id) },
      references,
      names: { namesOf: () => [] },
      outsiders: new Outsiders(new MemoryClasses((2 << 24) + 1), "n1"),
      enforcement,
      pods: { find: () => undefined },
      devices: { present: [] },
      policy: { objects: [], at: (generation) => this.#policies.get(generation) ?? { objects: [], options: {} } },
    });
    this.#ring = new FlowRing(context, 16);
    this.#reader = new FlowReader(this.#ring, context);
  }

  /** Has these pods from now on, each `NAMESPACE/POD`, and no others. */
  async replacePods(pods: ReadonlyMap<string, Party>): Promise<void> {
    if (isDeepStrictEqual(pods, this.#parties)) return;
    const { enforcement } = this.#setup;
    await this.#forgetConnections();
    for (const id of this.#pods.keys()) enforcement.remove(id);
    this.#pods.clear();
    this.#parties = pods;
    for (const [name, { subject, address = "" }] of pods) {
      const [namespace = "", pod = ""] = name.split("/");
      if (!subject) throw new Error(`${name} is no pod`);
      const id = ++this.#endpoints;
      const identity = this.#identify(subject);
      const isIpv6 = address.includes(":");
      const family = { ipv4: isIpv6 ? null : address, ipv6: isIpv6 ? address : null };
      const guarded = { ...makeEndpoint(id, subject, identity), ifindex: 1000 + id, ...family };
      const record = {
        id,
        incarnation: guarded.incarnation,
        identity,
        ifindex: guarded.ifindex,
        hostInterface: "",
        namespace,
        pod,
        labels: subject.labels,
      };
      this.#pods.set(id, { record, subject, guarded });
      await enforcement.add(guarded);
    }
  }

  /** Puts objects in force. */
  async replacePolicy(objects: readonly PolicyObject[]): Promise<void> {
    const { kernel } = this.#datapath;
    const engine = new PolicyEngine(objects);
    await this.#setup.enforcement.replacePolicy(engine, { always: true });
    await this.#setup.enforcement.collect();
    this.#policies.set(kernel.control.generation(), { objects, options: engine.options });
  }

  /** Sends the first packet of a connection between two pods. @returns the one flow that tells of it. */
  async send(flow: PolicyFlow): Promise<Flow> {
    const { source, destination } = flow;
    const from = [...this.#pods.values()].find(({ guarded: { ipv4, ipv6 } }) => source.address === (ipv4 ?? ipv6));
    if (!from || destination.address === undefined) throw new Error(`no pod has ${source.address}`);
    if (this.#port === ports.end) await this.#forgetConnections();
    const transport = firstTransport(flow, this.#port++);
    const ends = { source: source.address as string, destination: destination.address };
    const { events } = this.#datapath.send(from.guarded, this.#datapath.packet(from.guarded, { ...ends, transport }));
    if (events.length !== 1) throw new Error(`${events.length} events tell of ${JSON.stringify(flow)}`);
    const view = new DataView(new ArrayBuffer(eventRecord.size));
    for (const event of events) {
      eventRecord.encode(event, view, 0);
      this.#ring.add(view, 0);
    }
    this.#ring.settle(0n);
    for await (const lines of this.#reader.read(query, AbortSignal.timeout(60_000))) {
      for (const line of lines) if (line instanceof Written) return JSON.parse(line.text) as Flow;
    }
    throw new Error("the ring has no flow");
  }

  async #forgetConnections(): Promise<void> {
    const addresses = [...this.#pods.values()].map(({ guarded: { ipv4, ipv6 } }) => ipv4 ?? ipv6 ?? "");
    await this.#datapath.kernel.connections.removeAddresses(addresses);
    this.#port = ports.first;
  }

  #identify(subject: Subject): number {
    const key = JSON.stringify(subject);
    const identity = this.#identities.get(key) ?? firstIdentity + this.#identities.size;
    this.#identities.set(key, identity);
    this.#subjects.set(identity, subject);
    return identity;
  }

  [Symbol.dispose](): void {
    this.#datapath[Symbol.dispose]();
  }
}

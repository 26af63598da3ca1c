import type { Enforcement } from "#agent/endpoint/enforcement.ts";
import type { GuardedEndpoint } from "#agent/endpoint/guarded-endpoint.ts";
import { type EventRecord, EventType } from "#agent/datapath/layouts.gen.ts";
import { type EngineOptions, PolicyEngine } from "#policy/compile/engine.ts";
import type { PolicyObject } from "#policy/model/object.ts";
import { parseObjects } from "#policy/parse/objects.ts";
import { Datapath, type DatapathOptions, loopback, type Outcome } from "./datapath.ts";
import { makeEndpoint, makeEnforcement } from "./enforcement.ts";
import type { Transport } from "./packet.ts";

/** The objects of a YAML text that is valid. */
export function objectsOf(yaml: string): readonly PolicyObject[] {
  const parsed = parseObjects(yaml, "test.yaml");
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors));
  return parsed.objects;
}

/** Denies all ingress of the pods `app: server`, but what `rules` (YAML of `ingress:`) lets in. */
export function serverPolicy(rules: string): string {
  return `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: server, namespace: default}
spec:
  podSelector: {matchLabels: {app: server}}
  policyTypes: [Ingress]
  ingress: ${rules}`;
}

export const fromClient80 = "[{from: [{podSelector: {matchLabels: {app: client}}}], ports: [{port: 80}]}]";

export interface TwoPodsOptions extends DatapathOptions {
  /**
   * The pods' records name devices of their own, not that of the test runs: so no packet comes by the device that
   * its sender's connections know, and none goes the short way (bpf/lib/fast.h).
   */
  readonly elsewhere?: boolean;
}

/** A client and a server on one node, in the real programs, with the policy that a test gives. */
export class TwoPods implements Disposable {
  readonly datapath: Datapath;
  readonly enforcement: Enforcement;
  readonly client: GuardedEndpoint;
  readonly server: GuardedEndpoint;

  constructor({ elsewhere = false, ...options }: TwoPodsOptions = {}) {
    const ifindex = (id: number): number => (elsewhere ? 1000 + id : loopback);
    this.client = { ...pod(2, "client", 256), ifindex: ifindex(2) };
    this.server = { ...pod(3, "server", 257), ifindex: ifindex(3) };
    this.datapath = new Datapath(options);
    this.enforcement = makeEnforcement(this.datapath.kernel).enforcement;
  }

  /** Attaches both pods and puts a policy in force. */
  static async with(yaml = "", options: TwoPodsOptions = {}): Promise<TwoPods> {
    const pods = new TwoPods(options);
    await pods.enforcement.add(pods.client);
    await pods.enforcement.add(pods.server);
    pods.enforcement.setNodeAddresses(["10.0.0.254", "fd00::fe"]);
    await pods.setPolicy(yaml);
    return pods;
  }

  async setPolicy(yaml: string, options: EngineOptions = {}): Promise<void> {
    await this.enforcement.replacePolicy(new PolicyEngine(objectsOf(yaml), options), { always: true });
  }

  /** So many ms from now: as boot time in ns, and as the instant that enforcement takes for it. */
  instantIn(milliseconds: number): { end: bigint; wall: number } {
    // Enforcement in tests takes ms since 1970 for ms since boot: see makeEnforcement.
    const wall = Number(this.datapath.kernel.now() / 1_000_000n) + milliseconds;
    return { wall, end: BigInt(wall) * 1_000_000n };
  }

  /** A packet of the client to the server. */
  toServer(transport: Transport, ip: { source?: string; destination?: string; ttl?: number } = {}): Outcome {
    return this.#send(this.client, this.server, transport, ip);
  }

  toClient(transport: Transport, ip: { source?: string; destination?: string; ttl?: number } = {}): Outcome {
    return this.#send(this.server, this.client, transport, ip);
  }

  #send(
    from: GuardedEndpoint,
    to: GuardedEndpoint,
    transport: Transport,
    ip: { source?: string; destination?: string; ttl?: number },
  ): Outcome {
    const spec = { source: from.ipv4 as string, destination: to.ipv4 as string, transport, ...ip };
    return this.datapath.send(from, this.datapath.packet(from, spec));
  }

  [Symbol.dispose](): void {
    this.datapath[Symbol.dispose]();
  }
}

function pod(id: number, app: string, identity: number): GuardedEndpoint {
  const subject = { namespace: "default", labels: { app }, serviceAccount: "default", namedPorts: [] };
  return {
    ...makeEndpoint(id, subject, identity),
    mac: `02:00:00:00:00:0${id}`,
    hostMac: `06:00:00:00:00:0${id}`,
    ipv6: `fd00::${id}`,
  };
}

/** The reason of the one judgement or drop that was told; 0 for an allow, null for none. */
export function reasonOf({ events: all }: { events: readonly EventRecord[] }): number | null {
  const events = all.filter(({ type }) => type !== EventType.TRACE);
  if (events.length > 1) throw new Error(`${events.length} events for one packet`);
  return events[0]?.reason ?? null;
}

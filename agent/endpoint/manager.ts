import { hostInterfaceName } from "#agent/api/host-interface.ts";
import type { BandwidthLimit, EndpointBandwidth, Hooks } from "#agent/datapath/kernel.ts";
import type { AddressPair } from "#agent/ipam/lease.ts";
import type { Subject } from "#policy/model/identity.ts";
import { endpointBandwidth } from "./bandwidth.ts";
import { type EndpointEvent, EndpointLog } from "./endpoint-log.ts";
import { EndpointError } from "./errors.ts";
import type { EndpointManagerOptions, HostSideSpec } from "./manager-options.ts";
import type { GuardedEndpoint } from "./guarded-endpoint.ts";
import type { Joining } from "./moves.ts";
import type { NewEndpoint } from "./new-endpoint.ts";
import type { EndpointRecord } from "./record.ts";

/** The label of a container's second and later interfaces, by which policy speaks of each: its network's name. */
const networkLabel = "weir.io/net";

/**
 * Attachments from reservation to release. Callers run its methods one at a time.
 *
 * Every step leaves a state that a restart can take over: the record is on disk before
 * an address is told to anybody, and is removed after everything else is gone.
 */
export class EndpointManager {
  readonly #options: EndpointManagerOptions;
  readonly #endpoints = new Map<number, { record: EndpointRecord; subject: Subject }>();
  readonly #log = new EndpointLog();
  /** By endpoint: addresses of another plugin, which our pool gives nobody meanwhile. */
  readonly #reserved = new Map<number, AddressPair>();
  /** Of endpoints that are gone: resolves when their addresses are free. */
  readonly #leaving = new Set<Promise<unknown>>();
  #lastId = 0;
  #lastChange = 0;

  constructor(options: EndpointManagerOptions) {
    this.#options = options;
  }

  /** When an endpoint last came or went: `performance.now()`. */
  get lastChange(): number {
    return this.#lastChange;
  }

  list(): readonly { record: EndpointRecord; subject: Subject }[] {
    return [...this.#endpoints.values()];
  }

  get(id: number): { record: EndpointRecord; subject: Subject } | undefined {
    return this.#endpoints.get(id);
  }

  /** What happened to an endpoint in this life of the agent, oldest first. */
  log(id: number): readonly EndpointEvent[] | undefined {
    return this.#endpoints.has(id) ? this.#log.of(id) : undefined;
  }

  find(containerId: string, ifName: string): { record: EndpointRecord; subject: Subject } | undefined {
    return this.list().find(({ record }) => record.containerId === containerId && record.ifName === ifName);
  }

  /**
   * Takes over the records of an earlier life. Endpoints whose interface is gone, or whose
   * ADD was cut short, are returned and not taken over; their release is the caller's next step.
   */
  async restore(records: readonly EndpointRecord[]): Promise<{ guarded: GuardedEndpoint[]; lost: EndpointRecord[] }> {
    const guarded: GuardedEndpoint[] = [];
    const lost: EndpointRecord[] = [];
    this.#restoreAddresses(records);
    for (const stored of records) {
      const subject = this.#subject(stored);
      const record =
        stored.state === "ready"
          ? { ...stored, identity: await this.#options.identities.restore(subject, stored.identity) }
          : stored;
      this.#endpoints.set(record.id, { record, subject });
      this.#lastId = Math.max(this.#lastId, record.id);
      const isThere = record.ifindex !== null && this.#options.host.index(record.hostInterface) === record.ifindex;
      if (record.state === "ready" && isThere) {
        guarded.push(this.#guarded(record, subject));
        this.#note(record.id, "restored", "taken over from an earlier life of the agent");
      } else {
        lost.push(record);
      }
    }
    return { guarded, lost };
  }

  #restoreAddresses(records: readonly EndpointRecord[]): void {
    const [own, others] = [records.filter(({ pool }) => pool !== null), records.filter(({ pool }) => pool === null)];
    for (const record of own) this.#options.pool.restore(record, ownerOf(record));
    for (const record of others) {
      try {
        this.#reserve(record.id, record);
      } catch (error) {
        this.#options.failed(error, `keep the addresses of endpoint ${record.id}, which another plugin gave`);
      }
    }
  }

  #reserve(id: number, endpoint: AddressPair & Pick<EndpointRecord, "namespace" | "pod">): void {
    this.#reserved.set(id, this.#options.pool.reserve(endpoint, ownerOf(endpoint)));
  }

  #releaseAddresses(id: number, addresses: AddressPair & Pick<EndpointRecord, "pool">): void {
    const free = addresses.pool === null ? this.#reserved.get(id) : addresses;
    this.#reserved.delete(id);
    if (free) this.#options.pool.release(free);
  }

  /** Makes sure that a restored endpoint's interface, routes and programs are as they should be. */
  repair(id: number): void {
    const { record } = this.#require(id);
    if (record.ifindex === null) return;
    this.hooksOf(record).attach(record.ifindex, record.hostInterface);
    if (record.kind === "veth") this.#options.host.ensure(this.#hostSide(record));
  }

  /** Compiles an endpoint's policy anew, and writes it, its records, routes and programs again. */
  async regenerate(id: number): Promise<void> {
    const { record } = this.#require(id);
    if (record.state !== "ready")
      throw new EndpointError("not-ready", `regenerate endpoint ${id}: it is ${record.state}`);
    await this.#options.enforcement.regenerate(id);
    this.repair(id);
    this.#note(id, "regenerated", "policy compiled anew and in force");
  }

  /** The programs on an endpoint's interface. */
  hooksOf({ kind }: Pick<EndpointRecord, "kind">): Hooks {
    return kind === "chained" ? this.#options.chained.hooks : this.#options.hooks;
  }

  /** Reserves a number and addresses, and writes them down; no interface need exist yet. */
  async create(wanted: NewEndpoint): Promise<EndpointRecord> {
    const { containerId, ifName, namespace, pod, device, mac } = wanted;
    const asked = `attach ${ifName} of container ${containerId}`;
    if (this.find(containerId, ifName)) {
      throw new EndpointError("exists", `${asked}: it is attached already; the runtime has to call DEL first`);
    }
    const hostInterface = device?.hostInterface ?? hostInterfaceName(containerId, ifName);
    if (this.list().some(({ record }) => record.hostInterface === hostInterface)) {
      throw new EndpointError("exists", `${asked}: interface ${hostInterface} is in use`);
    }
    const id = this.#freeId();
    const addresses = await this.#takeAddresses(id, wanted);
    try {
      const record: EndpointRecord = {
        version: 1,
        id,
        incarnation: this.#options.nextIncarnation(),
        token: wanted.token,
        network: wanted.network,
        kind: device ? "chained" : "veth",
        containerId,
        ifName,
        hostInterface,
        netns: wanted.netns,
        netnsInode: wanted.netnsInode,
        namespace,
        pod,
        labels: wanted.labels,
        serviceAccount: wanted.serviceAccount ?? "default",
        ...addresses,
        viaStack: wanted.viaStack,
        secondary: this.list().some(({ record: other }) => other.containerId === containerId),
        mac: device?.mac ?? mac ?? this.#options.randomMac(),
        hostMac: device?.hostMac ?? this.#options.randomMac(),
        mtu: device?.mtu ?? Math.min(wanted.mtu ?? this.#options.mtu, this.#options.mtu),
        ...(wanted.bandwidth && { bandwidth: wanted.bandwidth }),
        ifindex: null,
        identity: 0,
        state: "waiting",
        created: this.#options.now().toISOString(),
      };
      this.#options.records.write(record);
      this.#endpoints.set(id, { record, subject: this.#subject(record) });
      this.#log.forget(id);
      this.#note(id, "created", `addresses ${[addresses.ipv4, addresses.ipv6].filter(Boolean).join(", ")} reserved`);
      return record;
    } catch (error) {
      this.#releaseAddresses(id, addresses);
      throw error;
    }
  }

  async #takeAddresses(
    id: number,
    { addresses, namespace, pod, ifName }: NewEndpoint,
  ): Promise<Pick<EndpointRecord, "ipv4" | "ipv6" | "pool" | "gateway">> {
    if (addresses.from === "pool") {
      const owner = ownerOf({ namespace, pod });
      const wish = this.#options.addressWish(namespace, pod);
      // Whoever asks for certain addresses may be the one who has just left them.
      if (wish.sticky || addresses.addresses.length > 0) await Promise.all(this.#leaving);
      return this.#options.pool.allocate({
        owner,
        pool: wish.pool ?? addresses.pool,
        addresses: addresses.addresses,
        stickyKey: wish.sticky ? `${owner}/${ifName}` : undefined,
      });
    }
    const { ipv4, ipv6 } = addresses;
    const taken = this.list().find(
      ({ record }) => (ipv4 !== null && record.ipv4 === ipv4) || (ipv6 !== null && record.ipv6 === ipv6),
    );
    if (taken) {
      const { namespace: its, pod: name } = taken.record;
      const given = [ipv4, ipv6].filter((address) => address !== null).join(" and ");
      throw new EndpointError("exists", `attach ${namespace}/${pod} with ${given}: pod ${its}/${name} has it`);
    }
    const gateways = [addresses.gateway?.ipv4 ?? null, addresses.gateway?.ipv6 ?? null];
    const pods = this.list().flatMap(({ record }) => [record.ipv4, record.ipv6]);
    const gateway = gateways.find((address) => address !== null && pods.includes(address));
    if (gateway !== undefined) {
      throw new EndpointError("exists", `attach ${namespace}/${pod} behind gateway ${gateway}: a pod has that address`);
    }
    const { views } = this.#options.enforcement;
    const own = [ipv4, ipv6].find((address) => address !== null && views.isNodeAddress(address));
    if (own !== undefined) throw new EndpointError("exists", `attach ${namespace}/${pod} with ${own}: the node has it`);
    // The other plugin may give at once what somebody has just left.
    await Promise.all(this.#leaving);
    this.#reserve(id, { ipv4, ipv6, namespace, pod });
    return { ipv4, ipv6, pool: null, ...(addresses.gateway && { gateway: addresses.gateway }) };
  }

  /**
   * Puts an endpoint in force. When this resolves, its policy is in the kernel, the
   * programs are attached and the interface is up; until then no packet could pass,
   * because the host's side was down.
   */
  async activate(id: number, ifindex: number): Promise<void> {
    const { record } = this.#require(id);
    if (this.#options.host.index(record.hostInterface) !== ifindex) {
      throw new EndpointError(
        "interface-missing",
        `activate endpoint ${id}: the node has no interface ${record.hostInterface} with index ${ifindex}`,
      );
    }
    const subject = this.#subject(record);
    const identity = await this.#options.identities.acquire(subject);
    const ready: EndpointRecord = { ...record, ifindex, identity, state: "ready" };
    try {
      await this.#options.enforcement.add(this.#guarded(ready, subject));
      this.hooksOf(record).attach(ifindex, record.hostInterface);
      if (record.kind === "veth") this.#options.host.ensure(this.#hostSide(ready));
      this.#options.records.write(ready);
    } catch (error) {
      this.#options.enforcement.remove(id);
      this.hooksOf(record).detach(record.hostInterface);
      await this.#options.identities.release(identity);
      throw error;
    }
    this.#endpoints.set(id, { record: ready, subject });
    this.#note(id, "ready", `identity ${identity}, policy in force on ${record.hostInterface}`);
  }

  /**
   * Releases an attachment: no packet passes, no connection is remembered, and only then
   * is the address free. Idempotent.
   */
  async release(containerId: string, ifName: string): Promise<boolean> {
    const found = this.find(containerId, ifName);
    if (!found) return false;
    const { record } = found;
    this.#options.enforcement.remove(record.id);
    // The programs go with the interface; taken off before, they would keep it waiting. Another plugin's
    // interface goes when that plugin is asked: until then they let nothing through, for nobody lives there any more.
    if (record.kind === "veth") {
      await this.#options.host.remove(record.hostInterface);
      this.#options.hooks.detach(record.hostInterface);
    }
    if (record.identity !== 0) await this.#options.identities.release(record.identity);
    this.#options.records.remove(record.id);
    this.#endpoints.delete(record.id);
    this.#log.forget(record.id);
    this.#options.changed?.({ event: "deleted", ...found });
    this.#lastChange = performance.now();
    // Nobody need wait for this: until it is done the addresses are not given again, and the
    // incarnation keeps a later pod from inheriting what a crash leaves.
    const leaving = this.#removeConnections(record)
      .catch((error: unknown) => this.#options.failed(error, `remove connections of endpoint ${record.id}`))
      .then(() => this.#releaseAddresses(record.id, record))
      .finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
    return true;
  }

  async #removeConnections({ ipv4, ipv6 }: AddressPair): Promise<void> {
    await this.#options.connections.removeAddresses([ipv4, ipv6].filter((address) => address !== null));
  }

  /** What is missing or wrong with an attachment, in sentences. */
  check(containerId: string, ifName: string, addresses: readonly string[]): string[] {
    const found = this.find(containerId, ifName);
    if (!found) return [`no endpoint is known for ${ifName} of container ${containerId}`];
    const { record } = found;
    if (record.state !== "ready" || record.ifindex === null)
      return [`endpoint ${record.id} is ${record.state}, not ready`];
    const own = [record.ipv4, record.ipv6].filter((address) => address !== null);
    const problems = addresses
      .filter((address) => !own.includes(address))
      .map((address) => `address ${address} is not reserved for endpoint ${record.id}`);
    return [
      ...problems,
      ...this.#checkHostSide(record, record.ifindex),
      ...this.hooksOf(record).check(record.ifindex, record.hostInterface),
      ...this.#options.enforcement.views.check(record.id),
    ];
  }

  /** Endpoints whose interface is gone, each in a sentence: a pod that may can take its own away. */
  goneInterfaces(): string[] {
    return this.#attached()
      .filter(({ hostInterface, ifindex }) => this.#options.host.index(hostInterface) !== ifindex)
      .map(
        ({ hostInterface, namespace, pod }) =>
          `interface ${hostInterface} of pod ${namespace}/${pod} is gone; DEL releases the pod's addresses`,
      );
  }

  /** What is missing of programs and routes of interfaces that are there, each in a sentence. */
  limitedInterfaces(): string[] {
    const routes = this.#options.host.routes();
    return this.#attached().flatMap((record) => {
      const { kind, ifindex, hostInterface, namespace, pod } = record;
      if (this.#options.host.index(hostInterface) !== ifindex) return [];
      const unrouted = [record.ipv4, record.ipv6].filter(
        (address) => address !== null && kind === "veth" && !routes.has(`${address} ${ifindex}`),
      );
      return [
        ...this.hooksOf(record).check(ifindex, hostInterface),
        ...unrouted.map((address) => `route to ${address} of pod ${namespace}/${pod} is missing`),
      ];
    });
  }

  #attached(): (EndpointRecord & { readonly ifindex: number })[] {
    return this.list().flatMap(({ record }) => {
      const { state, ifindex } = record;
      return state === "ready" && ifindex !== null ? [{ ...record, ifindex }] : [];
    });
  }

  /**
   * The endpoints whose Pod object says now that they are somebody else, with the numbers
   * of their new identities. {@link relabel}, {@link noteRelabels} or {@link keepLabels} has to follow.
   */
  async planRelabels(): Promise<Joining[]> {
    const plan: Joining[] = [];
    for (const { record, subject: before } of this.list()) {
      if (record.state !== "ready") continue;
      const subject = this.#subject(record);
      if (JSON.stringify(subject) === JSON.stringify(before)) continue;
      try {
        plan.push({ id: record.id, subject, identity: await this.#options.identities.acquire(subject) });
      } catch (error) {
        await this.keepLabels(plan);
        throw error;
      }
    }
    return plan;
  }

  /** Gives endpoints their new identities, one by one: for such as the policy in force judges like the old ones. */
  async relabel(plan: readonly Joining[]): Promise<void> {
    for (const joining of plan) {
      const record = { ...this.#require(joining.id).record, identity: joining.identity };
      await this.#options.enforcement.add(this.#guarded(record, joining.subject));
      await this.noteRelabels([joining]);
    }
  }

  /** Says that endpoints have their new identities. */
  async noteRelabels(plan: readonly Joining[]): Promise<void> {
    for (const { id, subject, identity } of plan) {
      const { record } = this.#require(id);
      const changed = { ...record, identity };
      this.#options.records.write(changed);
      this.#endpoints.set(id, { record: changed, subject });
      this.#note(id, "relabelled", `identity ${record.identity} became ${identity}`);
      await this.#options.identities.release(record.identity);
    }
  }

  /** Gives endpoints the limits that their Pod objects say now. */
  async limitBandwidths(): Promise<void> {
    for (const { record, subject } of this.list()) {
      const before = this.#options.enforcement.views.endpoint(record.id)?.bandwidth;
      const now = this.#bandwidth(record);
      if (record.state !== "ready" || JSON.stringify(now) === JSON.stringify(before)) continue;
      await this.#options.enforcement.add(this.#guarded(record, subject));
      this.#note(record.id, "limited", bandwidthText(now));
    }
  }

  /** Drops a plan: the endpoints stay who they are. */
  async keepLabels(plan: readonly Joining[]): Promise<void> {
    for (const { identity } of plan) await this.#options.identities.release(identity);
  }

  #note(id: number, event: string, message: string): void {
    this.#lastChange = performance.now();
    this.#log.note(id, { time: this.#options.now().toISOString(), event, message });
    const found = this.#endpoints.get(id);
    if (found) this.#options.changed?.({ event, ...found });
  }

  #require(id: number): { record: EndpointRecord; subject: Subject } {
    const found = this.#endpoints.get(id);
    if (!found) throw new EndpointError("not-found", `find endpoint ${id}: there is none; it may have been deleted`);
    return found;
  }

  #freeId(): number {
    for (let tried = 0; tried < 65535; tried++) {
      this.#lastId = (this.#lastId % 65535) + 1;
      if (!this.#endpoints.has(this.#lastId)) return this.#lastId;
    }
    throw new EndpointError("not-ready", "attach a pod: all 65535 endpoint numbers of this node are in use");
  }

  #subject(record: EndpointRecord): Subject {
    const facts = this.#options.podFacts(record.namespace, record.pod);
    return {
      namespace: record.namespace,
      labels: {
        ...withoutNetwork(this.#options.relevantLabels(facts?.labels ?? record.labels)),
        ...(record.secondary && { [networkLabel]: record.network }),
      },
      serviceAccount: facts?.serviceAccount ?? record.serviceAccount,
      namedPorts: facts?.namedPorts ?? [],
    };
  }

  #bandwidth({ namespace, pod, bandwidth }: EndpointRecord): EndpointBandwidth | undefined {
    return endpointBandwidth(this.#options.podFacts(namespace, pod)?.bandwidth, bandwidth);
  }

  #guarded(record: EndpointRecord, subject: Subject): GuardedEndpoint {
    const { id, incarnation, identity, mac, hostMac, ipv4, ipv6, kind, hostInterface } = record;
    if (record.ifindex === null) throw new Error(`guard endpoint ${id}: it has no interface`);
    const bandwidth = this.#bandwidth(record);
    const addresses = { ifindex: record.ifindex, mac, hostMac, ipv4, ipv6 };
    return {
      id,
      incarnation,
      identity,
      ...addresses,
      viaStack: record.viaStack,
      ...(kind === "chained" && { chained: { bridge: this.#options.chained.host.bridge(hostInterface) } }),
      ...(bandwidth && { bandwidth }),
      subject,
    };
  }

  #checkHostSide(record: EndpointRecord, ifindex: number): string[] {
    if (record.kind === "veth") return this.#options.host.check(this.#hostSide(record));
    const bridge = this.#options.enforcement.views.endpoint(record.id)?.chained?.bridge ?? null;
    return this.#options.chained.host.check(ifindex, record.hostInterface, bridge);
  }

  #hostSide(record: EndpointRecord): HostSideSpec {
    return {
      name: record.hostInterface,
      mac: record.hostMac,
      podMac: record.mac,
      mtu: record.mtu,
      addresses: { ipv4: record.ipv4, ipv6: record.ipv6 },
      gateway: this.gatewayOf(record),
    };
  }

  /** The addresses that a pod knows the node by. */
  gatewayOf(record: EndpointRecord): AddressPair {
    const { ipv4, ipv6 } = this.#options.pool.gateway;
    return { ipv4: record.gateway?.ipv4 ?? ipv4, ipv6: record.gateway?.ipv6 ?? ipv6 };
  }
}

/** For people: whose addresses they are. */
function ownerOf({ namespace, pod }: Pick<EndpointRecord, "namespace" | "pod">): string {
  return `${namespace}/${pod}`;
}

/** Only the agent says of which network an interface is: a pod's own label must not speak for another. */
function withoutNetwork(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([key]) => key !== networkLabel));
}

function bandwidthText(limits: EndpointBandwidth | undefined): string {
  const text = (limit: BandwidthLimit | null | undefined): string => (limit ? `${limit.rate * 8} bit/s` : "unlimited");
  return `bandwidth: egress ${text(limits?.egress)}, ingress ${text(limits?.ingress)}`;
}

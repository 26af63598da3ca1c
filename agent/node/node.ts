import { setInterval } from "node:timers/promises";
import type { Connection, Hooks } from "#agent/datapath/kernel.ts";
import { eventRecord, EventRecordView } from "#agent/datapath/layouts.gen.ts";
import { MapFullError } from "#agent/datapath/map-full-error.ts";
import { BlockUpkeep } from "#agent/ipam/block-upkeep.ts";
import { addressesOf } from "#agent/ipam/lease.ts";
import { FlowReader } from "#agent/flows/reader.ts";
import { FlowRing } from "#agent/flows/ring.ts";
import { planForwarding } from "#agent/net/forwarding.ts";
import { NetError } from "#agent/net/error.ts";
import { FrameSocket } from "#agent/net/frame-socket.ts";
import { nodeAddresses, watchNodeAddresses } from "#agent/net/node-addresses.ts";
import { retry } from "#agent/runtime/backoff.ts";
import { WeirError } from "#agent/runtime/errors.ts";
import { subsystemLog } from "#agent/runtime/log.ts";
import { Captures } from "./captures.ts";
import { changeSettings } from "./change-settings.ts";
import { deviceAt } from "./device-at.ts";
import { NodeFlowContext } from "./flow-context.ts";
import { IdleConnections } from "./idle-connections.ts";
import { MapPressure } from "./map-pressure.ts";
import { type NodeParts, unmanagedRanges } from "./parts.ts";
import { StagedTraffic } from "./staged-traffic.ts";
import { Strays } from "./strays.ts";
import { timedOut } from "./timed-out.ts";
import { hasWaitingDeletions, replayDeletions } from "./waiting-deletions.ts";

/** Between two sweeps of connections, identities and policy slots that nobody needs, in ms. */
const sweepInterval = 30_000;

/** How often, in ms, rules are looked for that have ended. */
const expiryInterval = 1_000;

/** How often, in ms, interfaces are looked for whose programs do not stand where they shall stay. */
const settleInterval = 250;
/** How long, in ms, no pod may have come or gone before they are moved: devices cannot change meanwhile. */
const settleQuiet = 1_000;

/** How often, in ms, changes of the node's devices are looked for. */
const devicesInterval = 500;

/** How often, in ms, it is looked whether this node needs a block of addresses, or one less. */
const blocksInterval = 2_000;

/** How often, in ms, it is looked for DELs that the agent was too busy to answer. */
const deletionsInterval = 1_000;

/** How often, in ms, a policy is looked for that may have cut idle connections. */
const idleInterval = 250;

/** A running node: brings the kernel to what is wanted, and keeps it there. */
export class Node {
  readonly parts: NodeParts;
  readonly flows: FlowReader;
  readonly captures: Captures;
  readonly staged: StagedTraffic;
  /** Which maps are nearly full. */
  readonly pressure = new MapPressure();
  readonly #ring: FlowRing;
  /** Where an event of the agent's own is written. */
  readonly #scratch = new DataView(new ArrayBuffer(eventRecord.size));
  /** The node's own addresses that are not known to the kernel yet, because something stood in the way. */
  #waiting: { readonly addresses: readonly string[]; readonly problem: string } | null = null;
  #connections = 0;
  #rangeProblem: string | null = null;
  #blockProblem: string | null = null;
  readonly #unreadable: string[] = [];
  readonly #strays: Strays;
  /** Interfaces, by index, whose programs could not be moved. */
  readonly #unsettled = new Set<number>();

  constructor(parts: NodeParts) {
    this.parts = parts;
    this.#strays = new Strays(parts);
    const context = new NodeFlowContext(parts);
    this.#ring = new FlowRing(context);
    this.flows = new FlowReader(this.#ring, context);
    const { enforcement, kernel, connection, log } = parts;
    this.captures = new Captures({
      table: kernel.captures,
      flows: context,
      device: (ifindex) => deviceAt(connection, ifindex)?.name ?? null,
      now: () => kernel.now(),
      changed: (isOn) => log.info(isOn ? "dropped packets are captured" : "dropped packets are not captured any more"),
    });
    this.staged = new StagedTraffic({ ...parts, endpoints: { get: (id) => enforcement.views.endpoint(id) } });
    parts.ipam.onChange(() => this.#followRanges());
    parts.requests.keepIn(this.#ring, () => parts.policy.revision);
  }

  /** Events that were seen since the agent started, by what became of the packet. */
  get flowCounts(): FlowRing["counts"] {
    return this.#ring.counts;
  }

  /** Connections that the last sweep left. */
  get connections(): number {
    return this.#connections;
  }

  /** Why the kernel does not know the node's own addresses as they are; null: it does. */
  get addressProblem(): string | null {
    return this.#waiting?.problem ?? null;
  }

  /** What keeps ranges of pods from being as they should, in sentences. */
  get rangeProblems(): string[] {
    return [this.#rangeProblem, this.#blockProblem].filter((problem) => problem !== null);
  }

  /** Endpoint records that cannot be read, in sentences. */
  get unreadable(): readonly string[] {
    return this.#unreadable;
  }

  /** Interfaces of pods of which no record says anything: their programs stay, and let nothing through. */
  get strays(): readonly string[] {
    return this.#strays.names;
  }

  /**
   * Takes over what an earlier life left: pinned maps, endpoints, policy. When it
   * resolves, everything is in force that should be; what was right was not touched.
   */
  async restore(): Promise<void> {
    const {
      endpoints,
      enforcement,
      policy,
      objects,
      records,
      kernel,
      identities,
      leases,
      log,
      pods,
      outsiders,
      devices,
      prefilter,
      masquerade,
      restoreNames,
    } = this.parts;
    this.#becomeRouter();
    const snapshot = objects.current().objects;
    pods.replace(snapshot);
    const stored = records.read();
    this.#unreadable.push(...stored.unreadable, ...leases.restore());
    const strays = this.#strays.find(stored.records);
    const { guarded, lost } = await endpoints.restore(stored.records);
    if (stored.unreadable.length + strays > 0) {
      this.#reserveUnknown(new Set(stored.records.map(({ id }) => id)));
    }
    const names = await restoreNames();
    const refused = await enforcement.restore(policy.engine(snapshot), guarded, outsiders.plan(snapshot), names);
    if (refused) {
      policy.refuse(refused.message);
      log.error({ reason: refused.message }, "policy refused; what an earlier life left stays in force");
    } else {
      policy.adopt(snapshot);
    }
    for (const { id } of guarded) endpoints.repair(id);
    await devices.reconcile();
    masquerade.reconcile(devices.present);
    prefilter.reconcile(devices.present);
    kernel.forgetOldPrograms();
    for (const record of lost) {
      log.warn(
        { endpoint: record.id, interface: record.hostInterface, state: record.state },
        "the endpoint's interface is gone, or its ADD was cut short; it is released",
      );
      await endpoints.release(record.containerId, record.ifName);
    }
    await this.#strays.settle();
    await identities.releaseUnheld();
    await this.replayDeletions();
    log.info(
      {
        endpoints: guarded.length,
        objects: snapshot.length,
        revision: Number(policy.revision),
        programs: kernel.programs,
      },
      "node restored",
    );
  }

  /** What is changed for it is kept, so that `weir cleanup` can change it back. */
  #becomeRouter(): void {
    const { config, ipam, log } = this.parts;
    const { ipv4, ipv6 } = ipam.gateway;
    changeSettings(config.stateDir, planForwarding({ ipv4: ipv4 !== null, ipv6: ipv6 !== null }), log);
  }

  /** An endpoint whose record is gone or cannot be read has its addresses all the same. */
  #reserveUnknown(known: ReadonlySet<number>): void {
    const { kernel, ipam, log } = this.parts;
    for (const state of kernel.endpoints.read().values()) {
      if (known.has(state.id) || state.nodeAddresses) continue;
      try {
        ipam.restore(state, `endpoint ${state.id}, which has no record that can be read`);
      } catch (error) {
        // Another record has them, or a lease, as of a pod behind a plugin that `weir-ipam` serves: they are not given in any case.
        log.warn({ err: error }, "addresses of an endpoint without a record are somebody's already");
      }
    }
  }

  /** Releases what DEL asked for while no agent answered. To be called in a change. */
  replayDeletions(): Promise<void> {
    return replayDeletions(this.parts);
  }

  /** Follows objects, the node's addresses and events until the signal; rejects when a part fails for good. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.#followObjects(signal),
      this.#followAddresses(signal),
      this.#readEvents(signal),
      ...this.parts.exporters.map((exporter) => exporter.run(this.flows, signal)),
      this.#sweep(signal),
      this.#settleHooks(signal),
      this.#followDevices(signal),
      this.#endRules(signal),
      this.#askIdle(signal),
      this.#keepBlocks(signal),
      this.#applyWaiting(signal),
      this.#followDeletions(signal),
      this.parts.names.run(this.parts.clock, signal),
      Promise.race([this.parts.identities.conflict, ended(signal)]),
    ]);
  }

  async #followObjects(signal: AbortSignal): Promise<void> {
    const { objects, policy, nodeObject, ipam, changes, log } = this.parts;
    for await (const snapshot of objects.snapshots(signal)) {
      if (nodeObject) await changes.run(() => nodeObject.follow(snapshot.objects, ipam));
      if (snapshot.objects === policy.objects) continue;
      const accepted = await changes.run(() => policy.apply(snapshot.objects));
      if (accepted)
        log.info({ objects: snapshot.objects.length, revision: Number(policy.revision) }, "policy in force");
      else log.error({ reason: policy.refusal }, "policy refused; the old one stays in force");
    }
  }

  /** A policy that gives pods new identities needs the store, which may have been away when it came. */
  async #applyWaiting(signal: AbortSignal): Promise<void> {
    const { objects, policy, changes, log, store } = this.parts;
    for await (const _tick of ticks(expiryInterval, signal)) {
      if (!policy.waitsForStore || store.health.state !== "ok") continue;
      const accepted = await changes.run(() => policy.apply(objects.current().objects));
      if (accepted) log.info({ revision: Number(policy.revision) }, "the store answers: policy in force");
    }
  }

  /** A plugin that was told to try again, or nothing in its time, leaves its DEL to an agent that lives as well. */
  async #followDeletions(signal: AbortSignal): Promise<void> {
    const { changes } = this.parts;
    for await (const _tick of ticks(deletionsInterval, signal)) {
      if (hasWaitingDeletions(this.parts)) await changes.run(() => this.replayDeletions());
    }
  }

  /** By the wall clock, which may be set: so it is asked again and again. */
  async #endRules(signal: AbortSignal): Promise<void> {
    const { policy, changes, log, clock } = this.parts;
    let { steps } = clock;
    for await (const _tick of ticks(expiryInterval, signal)) {
      // The kernel has deadlines by a clock that is not set.
      const now = clock.steps;
      const wasSet = now !== steps && policy.hasDeadlines;
      const why = wasSet ? "the clock was set" : "a rule has ended";
      if (!policy.isOutdated && !wasSet) continue;
      const accepted = await changes.run(() => policy.renew());
      if (accepted) {
        steps = now;
        log.info({ revision: Number(policy.revision) }, why);
      } else {
        log.error({ reason: policy.refusal }, `${why}, but the policy as of now is refused`);
      }
    }
  }

  /** Whoever sends learns of a policy that cuts its connection by itself; whoever only waits has to be asked to. */
  async #askIdle(signal: AbortSignal): Promise<void> {
    const { kernel, endpoints, config, log } = this.parts;
    if (!config.terminateOnDeny) return;
    using socket = FrameSocket.open();
    const idle = new IdleConnections(kernel, () => endpoints.list(), socket);
    for await (const _tick of ticks(idleInterval, signal)) {
      try {
        await idle.ask(signal);
      } catch (error) {
        if (!(error instanceof NetError)) throw error;
        log.warn({ err: error }, "idle connections could not be asked; they are at the next tick");
      }
    }
  }

  async #followAddresses(signal: AbortSignal): Promise<void> {
    const { connection, changes, ipam, masquerade, devices } = this.parts;
    for await (const addresses of watchNodeAddresses(connection, { signal })) {
      await changes.run(async () => {
        this.#setAddresses([...addresses, ...addressesOf(ipam.gateway)]);
        masquerade.reconcile(devices.present);
      });
    }
  }

  /** Where the ipcache has no room, a new address of the node is anybody's: it is tried again at every sweep. */
  #setAddresses(addresses: readonly string[]): void {
    const { enforcement, log } = this.parts;
    try {
      enforcement.setNodeAddresses(addresses);
      this.#waiting = null;
    } catch (error) {
      if (!(error instanceof MapFullError)) throw error;
      if (this.#waiting === null) log.error({ err: error }, "the node's own addresses cannot be told to the kernel");
      this.#waiting = { addresses, problem: `the node's own addresses are not all known: ${error.message}` };
    }
  }

  /** The node's pods have other ranges. To be called in a change. */
  #followRanges(): void {
    const { connection, ipam, masquerade, devices, log } = this.parts;
    this.#becomeRouter();
    this.#reserveRanges();
    this.#setAddresses([...nodeAddresses(connection), ...addressesOf(ipam.gateway)]);
    masquerade.reconcile(devices.present);
    log.info({ ranges: ipam.cidrs }, "the ranges of this node's pods changed");
  }

  /** Where the ipcache has no room, an address of a range that nobody has is the world's: it is tried again at every sweep. */
  #reserveRanges(): void {
    const { enforcement, ipam, log } = this.parts;
    try {
      enforcement.setReserved(unmanagedRanges(ipam.cidrs));
      this.#rangeProblem = null;
    } catch (error) {
      if (!(error instanceof MapFullError)) throw error;
      if (this.#rangeProblem === null) log.error({ err: error }, "the ranges of pods cannot be told to the kernel");
      this.#rangeProblem = `the ranges of pods are not all known to the kernel: ${error.message}`;
    }
  }

  /** Keeps the node in blocks of the cluster's ranges. */
  async #keepBlocks(signal: AbortSignal): Promise<void> {
    const { blocks, ipam, clock, config, changes, log } = this.parts;
    if (blocks === null) return;
    const upkeep = new BlockUpkeep({
      blocks,
      ipam,
      clock,
      log: subsystemLog(log, "ipam"),
      inTurn: (change) => changes.run(change),
      reclaimInterval: config.clusterPoolReclaim / 24n,
    });
    const failed = (error: unknown): void => log.warn({ err: error }, "the watch on blocks broke; it begins anew");
    const following = retry(() => blocks.follow(signal), { clock, signal, failed }).catch((error: unknown) => {
      if (!signal.aborted) throw error;
    });
    for await (const _tick of ticks(blocksInterval, signal)) {
      try {
        await upkeep.run();
        this.#blockProblem = null;
      } catch (error) {
        if (!(error instanceof WeirError)) throw error;
        if (this.#blockProblem === null)
          log.warn({ err: error }, "the cluster's blocks of addresses cannot be looked after");
        this.#blockProblem = `the cluster's blocks of addresses cannot be looked after: ${error.message}`;
      }
    }
    await following;
  }

  async #followDevices(signal: AbortSignal): Promise<void> {
    const { devices, masquerade, prefilter, changes, log } = this.parts;
    for await (const _tick of ticks(devicesInterval, signal)) {
      if (!devices.hasChanged()) continue;
      try {
        await changes.run(async () => {
          await devices.reconcile();
          masquerade.reconcile(devices.present);
          prefilter.reconcile(devices.present);
        });
      } catch (error) {
        // A device that goes while it is looked at: the next tick looks again.
        log.warn({ err: error }, "the node's devices could not be brought to their programs");
      }
    }
  }

  async #readEvents(signal: AbortSignal): Promise<void> {
    const { kernel } = this.parts;
    const keep = (view: DataView, offset: number): void => {
      this.#ring.add(view, offset, this.staged.see(new EventRecordView(view, offset)), this.staged.isAudit);
    };
    for await (const _batch of kernel.events(keep, signal)) this.#ring.settle(kernel.eventsLost());
  }

  #tellEnd(connection: Connection): void {
    const event = timedOut(connection);
    if (event === null || this.parts.config.traceInterval === 0n) return;
    eventRecord.encode(event, this.#scratch, 0);
    this.#ring.add(this.#scratch, 0);
  }

  async #sweep(signal: AbortSignal): Promise<void> {
    const { kernel, enforcement, changes, references, redirect, outsiders, masquerade } = this.parts;
    for await (const _tick of ticks(sweepInterval, signal)) {
      const { live, limited } = await kernel.connections.sweep(kernel.now(), (connection) => this.#tellEnd(connection));
      this.#ring.settle(kernel.eventsLost());
      this.#connections = live;
      kernel.limits.recount(limited);
      await kernel.fragments.sweep(kernel.now());
      await kernel.nat.sweep(kernel.now());
      masquerade.observe();
      await changes.run(async () => {
        await enforcement.collect();
        if (this.#waiting) this.#setAddresses(this.#waiting.addresses);
        if (this.#rangeProblem !== null) this.#reserveRanges();
        const used = enforcement.views.references();
        references.retain(used.all);
        if (!enforcement.views.isEarlier) redirect.retain(used.all);
        kernel.limits.retain(used.limits);
        kernel.hits.retain(used.all);
        outsiders.retain(new Set(enforcement.outsiders.parties.keys()));
        this.#strays.removeChainedHooks();
      });
    }
  }

  /** Moves the programs of new interfaces to where they shall stay, when nobody waits for a pod. */
  async #settleHooks(signal: AbortSignal): Promise<void> {
    const { endpoints, changes } = this.parts;
    for await (const _tick of ticks(settleInterval, signal)) {
      for (const { record } of endpoints.list()) {
        const hooks = endpoints.hooksOf(record);
        if (record.state !== "ready" || record.ifindex === null || hooks.isSettled(record.hostInterface)) continue;
        if (changes.length > 0 || performance.now() - endpoints.lastChange < settleQuiet || signal.aborted) break;
        await this.#settle(hooks, record.ifindex, record.hostInterface);
      }
    }
  }

  async #settle(hooks: Hooks, ifindex: number, hostInterface: string): Promise<void> {
    const { log } = this.parts;
    try {
      await hooks.settle(ifindex, hostInterface);
    } catch (error) {
      // The interface may have gone with its pod's namespace. The filters judge as well.
      this.#unsettled.add(ifindex);
      log.warn({ err: error, interface: hostInterface }, "the programs of an interface could not be moved to tcx");
    }
  }
}

/** Resolves with the signal. */
function ended(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

/** A tick every so many milliseconds, until the signal. */
async function* ticks(interval: number, signal: AbortSignal): AsyncGenerator<void> {
  try {
    for await (const _tick of setInterval(interval, undefined, { signal })) yield;
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

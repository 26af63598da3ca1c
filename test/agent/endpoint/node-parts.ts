import type { NewEndpoint } from "#agent/endpoint/new-endpoint.ts";
import { EndpointManager } from "#agent/endpoint/manager.ts";
import { Outsiders } from "#agent/endpoint/outsiders.ts";
import { PolicyController, type PolicyControllerOptions } from "#agent/endpoint/policy-controller.ts";
import { StoreError } from "#agent/store/errors.ts";
import type { Subject } from "#policy/model/identity.ts";
import { PodTable } from "#agent/node/pod-table.ts";
import { makeEnforcement } from "#test/support/enforcement.ts";
import { makeIpam } from "#test/support/make-ipam.ts";
import { MemoryKernel } from "#test/support/memory-kernel.ts";

/** Manager and controller over a kernel in memory, without disk and devices. */
export function makeNodeParts(
  now: () => Date = () => new Date(0),
  failed: PolicyControllerOptions["failed"] = rethrow,
) {
  const kernel = new MemoryKernel();
  const { enforcement } = makeEnforcement(kernel);
  const pods = new PodTable();
  const held = new Map<string, { id: number; references: number }>();
  const hostSide = { isBroken: false };
  const store = { isAway: false, isAwayAfter: Infinity };
  let incarnation = 0;
  const acquire = async (subject: Subject): Promise<number> => {
    if (store.isAway || store.isAwayAfter-- <= 0)
      throw new StoreError("unavailable", { asked: "write identities/id/256", obstacle: "no answer" });
    const key = JSON.stringify(subject);
    const identity = held.get(key) ?? { id: 256 + held.size, references: 0 };
    identity.references++;
    held.set(key, identity);
    return identity.id;
  };
  const endpoints = new EndpointManager({
    enforcement,
    records: { write: () => {}, remove: () => {}, read: () => ({ records: [], unreadable: [] }) } as never,
    pool: makeIpam(["10.0.0.0/24"]).ipam,
    identities: {
      acquire,
      restore: acquire,
      release: async (id) => {
        for (const identity of held.values()) if (identity.id === id) identity.references--;
      },
    },
    hooks: kernel.hooks,
    chained: { hooks: kernel.chainedHooks, host: { bridge: () => null, check: () => [] } },
    connections: kernel.connections,
    host: {
      ensure: () => {
        if (hostSide.isBroken) throw new Error("the host side cannot be set up");
      },
      remove: async () => {},
      check: () => [],
      index: () => 7,
      routes: () => new Set<string>(),
    },
    mtu: 1500,
    podFacts: (namespace, name) => pods.find(namespace, name),
    addressWish: (namespace, name) => pods.addressWish(namespace, name),
    relevantLabels: (labels) => pods.relevantLabels(labels),
    nextIncarnation: () => ++incarnation,
    randomMac: () => "02:00:00:00:00:01",
    now: () => new Date(0),
    failed: (error) => {
      throw error;
    },
  });
  const policy = new PolicyController({
    outsiders: new Outsiders({ intern: () => 0, lookup: () => undefined, retain: () => {} }, "n1"),
    enforcement,
    endpoints,
    pods,
    options: { enforcement: "default", cidrMatchesPods: "language", audit: false },
    generation: () => kernel.control.generation(),
    now,
    failed,
  });
  const create = (name: string, labels: Record<string, string>, more: Partial<NewEndpoint> = {}) =>
    endpoints.create({
      token: "",
      network: "weir",
      containerId: name,
      ifName: "eth0",
      netns: "/run/netns/test",
      netnsInode: 1,
      namespace: "default",
      pod: name,
      labels,
      addresses: { from: "pool", addresses: [] },
      viaStack: false,
      ...more,
    });
  return {
    kernel,
    policy,
    endpoints,
    hostSide,
    store,
    create,
    /** Attaches a pod; gives its address. */
    attach: async (name: string, labels: Record<string, string>): Promise<string> => {
      const { id, ipv4 } = await create(name, labels);
      await endpoints.activate(id, 7);
      return ipv4 ?? "";
    },
    /** Uses of identities that were not given back. */
    references: (): number => [...held.values()].reduce((sum, { references }) => sum + references, 0),
  };
}

function rethrow(error: unknown): never {
  throw error;
}

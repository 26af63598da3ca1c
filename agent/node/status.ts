import type { StatusView } from "#agent/api/views.ts";
import type { CniInstall } from "#agent/install/cni-install.ts";
import { HOST } from "#agent/endpoint/host-endpoint.ts";
import { formatObjectProblem } from "#agent/kubernetes/object-source.ts";
import type { RedirectState } from "#agent/redirect/redirect.ts";
import { mapFills } from "./map-fills.ts";
import type { Node } from "./node.ts";

/** How the node is, with every problem in a sentence. */
export async function statusOf(node: Node): Promise<StatusView> {
  const {
    config,
    kernel,
    policy,
    objects,
    endpoints,
    store,
    ipam,
    blocks,
    nodeObject,
    devices,
    enforcement,
    prefilter,
    masquerade,
    install,
    redirect,
    names,
    exporters,
  } = node.parts;
  const maps = await mapFills(node.parts);
  const problems = [
    ...objects.current().problems.map(formatObjectProblem),
    ...node.unreadable,
    ...endpoints.goneInterfaces(),
    ...endpoints.limitedInterfaces(),
    ...devices.problems(),
    ...prefilter.problems(),
    ...masquerade.problems(),
    ...node.strays.map(
      (name) =>
        `interface ${name} is a pod's, of which ${config.stateDir} has no record: it is cut off; start the agent with the state folder that it was attached with, or delete the pod`,
    ),
    ...(ipam.isReady ? ipam.warnings() : ipam.obstacles()),
    ...(blocks?.problems() ?? []),
    ...(nodeObject?.problems() ?? []),
    ...node.rangeProblems,
  ];
  problems.push(...redirect.problems, ...node.pressure.problems(maps));
  if (enforcement.views.endpoint(HOST) && devices.present.length === 0) {
    problems.push(
      "policies are about this node, but none of its devices is known: only its traffic with its own pods is judged; name devices with --device",
    );
  }
  if (node.addressProblem !== null) problems.push(node.addressProblem);
  if (policy.refusal !== null) problems.push(policy.refusal);
  if (store.health.state !== "ok") problems.push(store.health.message);
  problems.push(...(install?.problems ?? []));
  problems.push(...exporters.map(({ problem }) => problem).filter((problem) => problem !== null));
  const states: Record<string, number> = {};
  for (const { record } of endpoints.list()) states[record.state] = (states[record.state] ?? 0) + 1;
  return {
    state: problems.length === 0 ? "ok" : "degraded",
    node: config.nodeName,
    revision: Number(policy.revision),
    policy: policy.options,
    store: { kind: store.kind, state: store.health.state },
    datapath: {
      attach: kernel.attachMode,
      programs: kernel.programs,
      devices: devices.present.map(({ name }) => name),
      resets: Number(kernel.resets()),
      captures: node.captures.readers,
    },
    flows: { ...node.flows.counts, lost: Number(kernel.eventsLost()) },
    masquerade: {
      enabled: masquerade.enabled,
      devices: [...masquerade.devices].map(([name, addresses]) => ({ name, ...addresses })),
      ...masquerade.counts,
    },
    proxy: proxyOf(redirect.state, kernel.proxyBypassed()),
    names: { ...names.counts },
    cni: cniOf(install),
    ipam: {
      mode: config.ipam,
      ranges: ipam.fill.map(({ capacity, ...fill }) => ({ ...fill, capacity: Number(capacity) })),
    },
    maps: maps.map(({ name, entries, capacity }) => ({ name, entries, capacity })),
    endpoints: states,
    problems,
  };
}

/** How it stands with the proxy. */
export function proxyOf({ counts, ...state }: RedirectState, bypassed: number): StatusView["proxy"] {
  const { workers = 0, open: connections = 0, lostRecords = 0 } = counts ?? {};
  const { refused = 0, late = 0, unrecognised = 0, unreachable = 0 } = counts ?? {};
  return { ...state, workers, connections, lostRecords, bypassed, refused, late, unrecognised, unreachable };
}

/** What stands in the runtime's folders. */
export function cniOf(install: CniInstall | null): StatusView["cni"] {
  if (install !== null) return { ...install.state };
  return { state: "off", binary: null, conflist: null, plugins: [], cniVersions: [], setAside: [], events: [] };
}

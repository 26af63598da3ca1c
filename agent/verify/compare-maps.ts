import {
  bandwidthsImage,
  endpointsImage,
  interfacesImage,
  ipcacheImage,
  limitsImage,
  mapSizes,
} from "#agent/datapath/encode.ts";
import type { LimitBounds, MapImage } from "#agent/datapath/kernel.ts";
import {
  bandwidth,
  bandwidthKey,
  Direction,
  endpointEntry,
  interfaceRecord,
  limit,
} from "#agent/datapath/layouts.gen.ts";
import { knownPrefixes, settled } from "#agent/endpoint/guarded-endpoint.ts";
import { compareMap, type MapComparison } from "./compare-map.ts";
import type { Expectation, ExpectedSlot } from "./expectation.ts";
import { bandwidthKeyName, endpointKeyName, ipcacheKeyName, policyKeyName } from "./key-names.ts";
import type { Names } from "./names.ts";
import type { Pace } from "./pace.ts";
import type { ReadOut } from "./read-out.ts";
import type { Findings } from "./verification.ts";

/** What all comparisons have in common. */
export interface ComparisonContext {
  readonly readOut: ReadOut;
  readonly expectation: Expectation;
  readonly names: Names;
  /** Only this endpoint is of interest; null: all are. */
  readonly endpoint: number | null;
  readonly findings: Findings;
  readonly pace: Pace;
}

const none: MapImage = { keys: new Uint8Array(), values: new Uint8Array(), count: 0 };

/** Compares every map that has a say in a verdict with what it should hold. */
export async function compareMaps(context: ComparisonContext): Promise<void> {
  compareGeneration(context);
  await compareRecords(context);
  await compareIpcache(context);
  await compareSlots(context);
  await compareLimits(context);
  await compareBandwidths(context);
}

function compareGeneration({ readOut: { generation, revision }, findings }: ComparisonContext): void {
  findings.entries++;
  if (generation === revision) return;
  findings.add(() => ({
    map: "control",
    endpoints: [],
    what: "generation",
    expected: String(revision),
    found: String(generation),
    rules: [],
  }));
}

/** The endpoints' records, by address and by interface. */
async function compareRecords({ readOut, names, endpoint, findings, pace }: ComparisonContext): Promise<void> {
  const states = readOut.snapshot.endpoints
    .filter((guarded) => endpoint === null || guarded.endpoint.id === endpoint)
    .map((guarded) => settled(guarded.endpoint, guarded.slot));
  const common = { isPart: endpoint !== null, names, rulesOf: () => [] };
  const endpoints: MapComparison = {
    ...common,
    ...sizes("endpoints"),
    struct: "endpoint",
    expected: endpointsImage(states),
    found: readOut.endpoints,
    nameOf: (key) => `endpoint at ${endpointKeyName(key)}`,
    endpointsOf: (_, value) => [endpointEntry.decode(viewOf(value), 0).id],
  };
  const interfaces: MapComparison = {
    ...common,
    ...sizes("interfaces"),
    struct: "interface",
    expected: interfacesImage(states),
    found: readOut.interfaces,
    nameOf: (key) => `interface ${viewOf(key).getUint32(0, true)}`,
    endpointsOf: (_, value) => [interfaceRecord.decode(viewOf(value), 0).endpoint.id],
  };
  await compareMap(endpoints, findings, pace);
  await compareMap(interfaces, findings, pace);
}

/** Whole, also for one endpoint: everybody's peers are in it. */
async function compareIpcache({ readOut, expectation, names, findings, pace }: ComparisonContext): Promise<void> {
  const owners = new Map(
    readOut.snapshot.endpoints.flatMap(({ endpoint }) =>
      knownPrefixes(endpoint).map(({ prefix }) => [prefix, endpoint.id] as const),
    ),
  );
  const comparison: MapComparison = {
    ...sizes("ipcache"),
    struct: "ipcache_entry",
    isPart: false,
    expected: ipcacheImage(expectation.ipcache),
    found: readOut.ipcache,
    names,
    nameOf: ipcacheKeyName,
    endpointsOf: (key) => [owners.get(ipcacheKeyName(key)) ?? []].flat(),
    rulesOf: () => [],
  };
  await compareMap(comparison, findings, pace);
}

/** The bounds of rules that slots name; what has passed by them changes all the time. */
async function compareLimits({ readOut, expectation, names, findings, pace }: ComparisonContext): Promise<void> {
  const { key: keySize, value: valueSize } = mapSizes.limits;
  const { keys, values, count } = readOut.limits;
  const bounds = new Map<number, LimitBounds>();
  for (let i = 0; i < count; i++) {
    bounds.set(viewOf(keys).getUint32(i * keySize, true), limit.decode(viewOf(values), i * valueSize));
  }
  const toBounds = ({ rate, connections }: LimitBounds): LimitBounds => ({ rate, connections });
  const references = [...expectation.limits.keys()];
  const comparison: MapComparison = {
    ...sizes("limits"),
    struct: "limit",
    isPart: true,
    expected: limitsImage(expectation.limits),
    found: limitsImage(new Map([...bounds].map(([reference, one]) => [reference, toBounds(one)]))),
    names,
    nameOf: (bytes) => `limit of rule ${names.reference(viewOf(bytes).getUint32(0, true))}`,
    endpointsOf: () => [],
    rulesOf: (index) => names.rules(references[index] ?? 0),
  };
  await compareMap(comparison, findings, pace);
}

/** Limits of bandwidth; what has passed by them, and what they dropped, changes all the time. */
async function compareBandwidths({ readOut, names, endpoint, findings, pace }: ComparisonContext): Promise<void> {
  const { key: keySize, value: valueSize } = mapSizes.bandwidths;
  const { keys, values, count } = readOut.bandwidths;
  const found = Array.from({ length: count }, (_, i) => {
    const { endpoint: id, direction } = bandwidthKey.decode(viewOf(keys), i * keySize);
    const { rate, burst } = bandwidth.decode(viewOf(values), i * valueSize);
    const limit = { rate: Number(rate), burst: Number(burst) };
    const isEgress = direction === Direction.EGRESS;
    return { id, bandwidth: { egress: isEgress ? limit : null, ingress: isEgress ? null : limit } };
  });
  const states = readOut.snapshot.endpoints
    .map((guarded) => guarded.endpoint)
    .filter(({ id }) => endpoint === null || id === endpoint);
  const comparison: MapComparison = {
    ...sizes("bandwidths"),
    struct: "bandwidth",
    isPart: endpoint !== null,
    expected: bandwidthsImage(states),
    found: bandwidthsImage(found),
    names,
    nameOf: bandwidthKeyName,
    endpointsOf: (bytes) => [bandwidthKey.decode(viewOf(bytes), 0).endpoint],
    rulesOf: () => [],
  };
  await compareMap(comparison, findings, pace);
}

/** Each slot with what the pods whose it is are to be judged by. */
async function compareSlots(context: ComparisonContext): Promise<void> {
  const { readOut, expectation, endpoint, findings, pace } = context;
  const { snapshot } = readOut;
  const users = new Map<number, number[]>();
  const compared = new Set<string>();
  for (const guarded of snapshot.endpoints) {
    users.set(guarded.slot, [...(users.get(guarded.slot) ?? []), guarded.endpoint.id]);
  }
  const owned = snapshot.endpoints
    .filter((guarded) => endpoint === null || guarded.endpoint.id === endpoint)
    .map((guarded) => ({ slot: guarded.slot, subject: guarded.endpoint.subject }));
  const all = endpoint === null ? [...owned, ...snapshot.slots] : owned;
  for (const { slot, subject } of all) {
    // Once, unless two of its pods should not have come to share it.
    const key = `${slot} ${expectation.policyKey(subject)}`;
    if (compared.has(key)) continue;
    compared.add(key);
    await compareSlot(context, slot, expectation.slotOf(subject), users.get(slot) ?? []);
    if (pace.isDue) await pace.rest();
  }
  if (endpoint !== null) return;
  const known = new Set(all.map(({ slot }) => slot));
  for (const [slot, image] of readOut.slots) {
    if (known.has(slot) || !image) continue;
    findings.entries++;
    const found = `${image.count} entries`;
    findings.add(() => ({ map: "policy", endpoints: [], what: `slot ${slot}`, expected: null, found, rules: [] }));
  }
}

async function compareSlot(
  { readOut, names, findings, pace }: ComparisonContext,
  slot: number,
  { image, rulesOf }: ExpectedSlot,
  endpoints: readonly number[],
): Promise<void> {
  const found = readOut.slots.get(slot);
  findings.entries++;
  if (!found) {
    const expected = `${image.count} entries`;
    findings.add(() => ({ map: "policy", endpoints, what: `slot ${slot}`, expected, found: null, rules: [] }));
  }
  const comparison: MapComparison = {
    ...sizes("policy"),
    struct: "policy_entry",
    isPart: false,
    expected: image,
    found: found ?? none,
    names,
    nameOf: (key) => `slot ${slot}, ${policyKeyName(key, names)}`,
    endpointsOf: () => endpoints,
    rulesOf,
  };
  if (found) await compareMap(comparison, findings, pace);
}

function sizes<Map extends keyof typeof mapSizes>(map: Map): { map: Map; keySize: number; valueSize: number } {
  return { map, keySize: mapSizes[map].key, valueSize: mapSizes[map].value };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

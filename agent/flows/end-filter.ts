import type { FlowFilter } from "#agent/api/flow-filter.ts";
import { addressTest } from "./address-range.ts";
import type { FlowParty } from "./context.ts";
import { labelSelector, parseLabel } from "./label-selector.ts";
import { layer4Name } from "./layer4.ts";
import { domainPattern, matchesStars, namePrefix } from "./name-patterns.ts";
import type { FlowRecord } from "./record.ts";
import { refusal } from "./refusal.ts";

type End = "source" | "destination";

/** A test of what stands at one end of a flow. */
export type EndTest = (record: FlowRecord, end: End) => boolean;

/** What is asked of the ends of a flow. */
export interface Ends {
  readonly test: EndTest;
  readonly ends: "either" | End;
}

/** Makes a test of a field's values; the field is named in errors. */
type Make<T> = (field: string, wanted: readonly T[]) => EndTest;

const prefixes = { either: "", source: "source_", destination: "destination_" } as const;

/**
 * Those fields of a filter that speak of ends: each for the source, for the destination, and for either.
 *
 * @throws ApiError `bad-request`, naming the field, for what cannot be understood.
 */
export function endTests(filter: FlowFilter): Ends[] {
  const found: Ends[] = [];
  for (const ends of ["either", "source", "destination"] as const) {
    const add = <T>(field: string, wanted: readonly T[] | undefined, make: Make<T>): void => {
      if (wanted !== undefined && wanted.length > 0) found.push({ test: make(field, wanted), ends });
    };
    const prefix = prefixes[ends];
    add(`${prefix}ip`, filter[`${prefix}ip`], ipTest);
    add(`${prefix}port`, filter[`${prefix}port`], portTest);
    add(`${prefix}pod`, filter[`${prefix}pod`], podTest);
    add(
      `${prefix}namespace`,
      filter[`${prefix}namespace`],
      oneOf((party) => party.namespace),
    );
    add(`${prefix}label`, filter[`${prefix}label`], labelTest);
    add(
      `${prefix}identity`,
      filter[`${prefix}identity`],
      oneOf((party) => party.identity),
    );
    add(
      `${prefix}endpoint`,
      filter[`${prefix}endpoint`],
      oneOf((party) => party.endpoint),
    );
    add(`${prefix}service`, filter[`${prefix}service`], serviceTest);
    add(`${prefix}fqdn`, filter[`${prefix}fqdn`], nameTest);
    add(`${prefix}workload`, filter[`${prefix}workload`], workloadTest);
  }
  return found;
}

/** Asks each party once: they are kept, and a flood is of few. */
function ofParty(matches: (party: FlowParty) => boolean): EndTest {
  const known = new WeakMap<FlowParty, boolean>();
  return (record, end) => {
    const party = record[end];
    const answer = known.get(party);
    if (answer !== undefined) return answer;
    const found = matches(party);
    known.set(party, found);
    return found;
  };
}

function oneOf<T>(valueOf: (party: FlowParty) => T | null): Make<T> {
  return (_, wanted) => {
    const set = new Set<T | null>(wanted);
    return (record, end) => set.has(valueOf(record[end]));
  };
}

function nameTest(field: string, wanted: readonly string[]): EndTest {
  const patterns = wanted.map((text) => domainPattern(field, text));
  return ofParty(({ names }) => names?.some((name) => patterns.some((one) => matchesStars(one, name))) ?? false);
}

function ipTest(field: string, wanted: readonly string[]): EndTest {
  const isThere = addressTest(field, wanted);
  return ({ event }, end) => isThere(event, end);
}

function portTest(field: string, wanted: readonly string[]): EndTest {
  const ports = new Set(
    wanted.map((text) => {
      if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw refusal(field, `${text} is no port`);
      return Number(text);
    }),
  );
  return ({ event }, end) => {
    const name = layer4Name(event);
    // ICMP has none: the kernel keeps the identifier there.
    const hasPorts = name === "TCP" || name === "UDP" || name === "SCTP";
    return hasPorts && ports.has(end === "source" ? event.sourcePort : event.destinationPort);
  };
}

function podTest(field: string, wanted: readonly string[]): EndTest {
  const names = wanted.map((text) => namePrefix(field, text));
  return ofParty(({ namespace, pod }) => {
    if (namespace === null && pod === null) return false;
    return names.some(
      (wish) => (wish.namespace === null || wish.namespace === namespace) && (pod ?? "").startsWith(wish.prefix),
    );
  });
}

function serviceTest(field: string, wanted: readonly string[]): EndTest {
  const names = wanted.map((text) => namePrefix(field, text));
  return ofParty(({ service }) => {
    if (!service) return false;
    return names.some(
      (wish) =>
        (wish.namespace === null || wish.namespace === service.namespace) && service.name.startsWith(wish.prefix),
    );
  });
}

/** A name, a kind, or both; what is not said, or empty, may be any. */
function workloadTest(_: string, wanted: NonNullable<FlowFilter["workload"]>): EndTest {
  return ofParty(({ workload }) => {
    if (!workload) return false;
    return wanted.some(
      ({ name = "", kind = "" }) => (name === "" || name === workload.name) && (kind === "" || kind === workload.kind),
    );
  });
}

function labelTest(field: string, wanted: readonly string[]): EndTest {
  const selectors = wanted.map((text) => labelSelector(field, text));
  return ofParty((party) => {
    const labels = party.labels.map(parseLabel);
    return selectors.some((matches) => matches(labels));
  });
}

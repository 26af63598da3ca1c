import * as z from "zod";
import type { FlowReader } from "#agent/flows/reader.ts";
import type { FlowRecord } from "#agent/flows/record.ts";
import { flowQuery } from "#agent/api/flow-filter.ts";
import { addressText } from "#agent/flows/address-text.ts";
import { requestTexts } from "#agent/flows/request.ts";
import { outcome } from "./frame.ts";
import { endsOf, outcomeOf } from "./party.ts";

const words = z
  .union([z.string().min(1).max(512), z.array(z.string().min(1).max(512)).max(2)])
  .optional()
  .transform((value) => (value === undefined ? [] : [value].flat()));

/** The filters of `GET /v1/flows`, and those that only the page has. */
export const liveQuery = flowQuery
  .omit({ since: true, until: true, first: true, last: true, all: true, follow: true, lost: true })
  .extend({
    /** Part of a name, a label or an address at either end, or of a request, whatever the case of its letters. */
    text: z.string().min(1).max(256).optional(),
    /** Ends on the map, each of which has to be an end; they select flows, not what the map shows. */
    party: words,
    /** Of the flows between them. */
    outcome: outcome.optional(),
  });
export type LiveQuery = z.output<typeof liveQuery>;

type Test = (record: FlowRecord) => boolean;

/** @throws ApiError `bad-request`. */
export function liveFilter(
  { text, party, outcome: wantedOutcome, ...filters }: LiveQuery,
  flows: Pick<FlowReader, "queryFilter">,
): {
  onMap: Test;
  inTable: Test;
} {
  const verdict = filters.verdict.flatMap((one) => [one, ...(alike[one] ?? [])]);
  const matches = flows.queryFilter({ ...filters, verdict, all: false, follow: true, lost: true });
  const wanted = text?.toLowerCase();
  const onMap: Test = (record) => matches(record) && (wanted === undefined || textsOf(record).some(has(wanted)));
  const inTable: Test = (record) => {
    if (wantedOutcome !== undefined && outcomeOf(record) !== wantedOutcome) return false;
    if (party.length === 0) return true;
    const ends = Object.values(endsOf(record)).map(({ id }) => id);
    return party.every((id) => ends.includes(id));
  };
  return { onMap, inTable };
}

function has(wanted: string): (text: string) => boolean {
  return (text) => text.toLowerCase().includes(wanted);
}

/** The page has a word for each: what went to the proxy was allowed, what the proxy could not pass on was not. */
const alike: Readonly<Record<string, LiveQuery["verdict"]>> = { FORWARDED: ["REDIRECTED"], DROPPED: ["ERROR"] };

function textsOf({ event, source, destination, request }: FlowRecord): string[] {
  const names = [source, destination].flatMap(({ namespace, pod, labels }) => [
    ...labels,
    ...(pod === null ? [] : [`${namespace}/${pod}`]),
  ]);
  const addresses = [event.source, event.destination].map(({ bytes }) => addressText(event.family, bytes));
  return [...names, ...addresses, ...(request ? requestTexts(request) : [])];
}

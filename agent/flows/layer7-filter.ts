import { RE2JS, RE2JSException } from "re2js";
import type { FlowFilter } from "#agent/api/flow-filter.ts";
import type { RequestContent } from "#agent/proxy/request-record.ts";
import type { FlowRecord } from "./record.ts";
import { refusal } from "./refusal.ts";

type RecordTest = (record: FlowRecord) => boolean;
type Http = Extract<RequestContent, { family: "http" }>;

/** What a filter's expressions may be, all together: each is as good as written as often as it counts. */
const longest = 1024;
const mostRepetitions = 1000;

/**
 * Those fields of a filter that speak of requests: Hubble's, with its meaning. Flows that tell of none match none.
 *
 * @throws ApiError `bad-request`, naming the field, for what cannot be understood.
 */
export function layer7Tests(filter: FlowFilter): RecordTest[] {
  const tests: RecordTest[] = [];
  const add = <T>(wanted: readonly T[] | undefined, test: (wanted: readonly T[]) => RecordTest): void => {
    if (wanted !== undefined && wanted.length > 0) tests.push(test(wanted));
  };
  const expressions = (field: keyof FlowFilter, textOf: (content: RequestContent) => string | undefined) =>
    add(filter[field] as readonly string[] | undefined, (wanted) => {
      const matches = expressionTest(field, wanted);
      return ({ request }) => {
        const text = request === null ? undefined : textOf(request.content);
        return text !== undefined && matches(text);
      };
    });
  add(filter.http_status_code, (wanted) => ofHttp(statusTest(wanted)));
  add(filter.http_method, (wanted) => {
    const set = new Set(wanted.map((method) => method.toUpperCase()));
    return ofHttp(({ method }) => set.has(method.toUpperCase()));
  });
  add(filter.http_header, (wanted) =>
    ofHttp(({ headers }) =>
      wanted.some(({ key = "", value = "" }) =>
        headers.some(
          (header) => header.key.toLowerCase() === key.toLowerCase() && (value === "" || header.value === value),
        ),
      ),
    ),
  );
  expressions("http_path", (content) => (content.family === "http" ? pathOf(content.url) : undefined));
  expressions("http_url", (content) => (content.family === "http" ? content.url : undefined));
  expressions("dns_query", (content) => (content.family === "dns" ? content.query : undefined));
  return tests;
}

function ofHttp(test: (http: Http) => boolean): RecordTest {
  return ({ request }) => request?.content.family === "http" && test(request.content);
}

/** `404`, `4xx`; `4+` and `40+`: what begins so. Requests have no status. */
function statusTest(wanted: readonly string[]): (http: Http) => boolean {
  const prefixes = wanted.map((text) => {
    const [, prefix] = /^(?:([1-5]\d\d)|([1-5])xx|([1-5]\d?)\+)$/i.exec(text)?.filter(Boolean) ?? [];
    if (prefix === undefined) throw refusal("http_status_code", `${text} is no status: 404, 4xx, 4+ or 40+ is wanted`);
    return prefix;
  });
  return ({ code }) => code !== 0 && prefixes.some((prefix) => String(code).startsWith(prefix));
}

/** Of `http://web.shop/items?id=7` it is `/items`. */
function pathOf(url: string): string {
  return /^(?:[a-z][a-z0-9+.-]*:\/\/[^/?#]*)?([^?#]*)/i.exec(url)?.[1] ?? "";
}

/** Whether one of some expressions (RE2) is found in a text: in time linear to it, whatever they are. */
function expressionTest(field: string, wanted: readonly string[]): (text: string) => boolean {
  const counts = wanted.flatMap((text) => [...text.matchAll(/\{(\d+)(?:,(\d*))?\}/g)]);
  const repetitions = counts.reduce((sum, [, least, most]) => sum + Number(most || least), 0);
  if (repetitions > mostRepetitions) throw refusal(field, `more than ${mostRepetitions} repetitions are too many`);
  const expressions = wanted.map((text) => {
    if (text.length > longest) throw refusal(field, `more than ${longest} characters are too many`);
    try {
      return RE2JS.compile(text);
    } catch (error) {
      if (!(error instanceof RE2JSException)) throw error;
      throw refusal(
        field,
        `it is no regular expression of RE2: ${error.message.replace("error parsing regexp: ", "")}`,
      );
    }
  });
  return (text) => expressions.some((expression) => expression.test(text));
}

import fc from "fast-check";
import { expect, test } from "vitest";
import { recordText } from "#agent/proxy/record-text.ts";
import type { RequestContent, RequestRecord } from "#agent/proxy/request-record.ts";

const text = fc.string({ unit: "binary" });
const count = fc.nat();
const texts = fc.array(text, { maxLength: 3 });
const content: fc.Arbitrary<RequestContent> = fc.oneof(
  fc.record(
    {
      family: fc.constant("http" as const),
      method: text,
      url: text,
      protocol: fc.constantFrom("HTTP/1.0" as const, "HTTP/1.1" as const, "HTTP/2" as const),
      code: count,
      headers: fc.array(fc.record({ key: text, value: text }), { maxLength: 3 }),
      mismatches: fc.array(text, { minLength: 1, maxLength: 3 }),
    },
    { requiredKeys: ["family", "method", "url", "protocol", "code", "headers"] },
  ),
  fc.record({
    family: fc.constant("dns" as const),
    query: text,
    qtypes: texts,
    rcode: count,
    ips: texts,
    cnames: texts,
    ttl: count,
  }),
  fc.record({ family: fc.constant("tls" as const), serverName: fc.option(text) }),
);
const end = fc.record({ endpoint: count, identity: count });
const rule = fc.record({
  kind: text,
  namespace: text,
  name: text,
  rule: text,
  file: text,
  line: fc.option(count),
});
const record: fc.Arbitrary<RequestRecord> = fc.record({
  time: fc.constant("1764241200000000000"),
  tuple: fc.record({
    protocol: fc.constantFrom("TCP" as const, "UDP" as const),
    sourceAddress: text,
    sourcePort: count,
    destinationAddress: text,
    destinationPort: count,
  }),
  source: end,
  destination: end,
  verdict: fc.constantFrom("forwarded" as const, "denied" as const, "error" as const),
  rules: fc.array(rule, { maxLength: 3 }),
  deniedBy: fc.option(fc.constantFrom("source" as const, "destination" as const)),
  kind: fc.constantFrom("request" as const, "response" as const),
  latency: fc.option(fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 })),
  content,
});

test("a record's text is JSON of the record, on one line, whatever is in it", () => {
  fc.assert(
    fc.property(record, (record) => {
      expect(recordText(record)).toBe(JSON.stringify(record));
      // The second time its parts are known.
      expect(recordText(record)).toBe(JSON.stringify(record));
      expect(recordText(record)).not.toContain("\n");
    }),
    { numRuns: 300 },
  );
});

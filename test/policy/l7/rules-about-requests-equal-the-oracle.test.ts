import { expect, test } from "vitest";
import { requestMisses } from "#policy/explain/request-miss.ts";
import { type L7Request, meetsRequest } from "#policy/l7/request.ts";
import { type AskedFor, isRequestAllowed } from "#policy/oracle/requests.ts";
import { makeRule } from "#test/support/make-rule.ts";
import { Random } from "#test/support/random.ts";
import { randomRequest, randomRequestRule } from "#test/support/random-requests.ts";
import { sized } from "#test/support/size.ts";

const COUNT = sized({ short: 6000, long: 400_000 });

function toAsked(request: L7Request): AskedFor {
  if (request.family !== "http") return request;
  const [, path = "", query = ""] = /^([^?]*)(.*)$/.exec(request.path) ?? [];
  return { ...request, path, query };
}

test("random rules and requests: who passes is what the oracle says, and who does not is told why", () => {
  const passed = { http: 0, dns: 0, tls: 0 };
  for (let seed = 0; seed < COUNT; seed++) {
    const random = new Random(seed);
    const [rule, request] = [randomRequestRule(random), randomRequest(random)];
    const expected = isRequestAllowed(rule.l7, rule.serverNames, toAsked(request));
    expect([seed, rule, request, meetsRequest(rule, request)]).toEqual([seed, rule, request, expected]);
    const misses = requestMisses(makeRule(0, { action: "redirect", ...rule }), request);
    expect([seed, rule, request, misses.length === 0]).toEqual([seed, rule, request, expected]);
    if (expected) passed[request.family]++;
  }
  // The comparison is worth something only where both answers are frequent.
  for (const count of Object.values(passed)) expect(count).toBeGreaterThan(COUNT / 100);
});

import { describe, test } from "vitest";
import { combinations } from "#test/support/allow-deny-combinations.ts";
import { combinedRules, orderedRuleCases } from "#test/support/ordered-rule-cases.ts";
import type { Probe } from "#test/support/probes.ts";
import { allProbes } from "#test/support/reachability.ts";
import { WORLD_PORTS } from "#test/support/reachability-world.ts";
import { sized } from "#test/support/size.ts";
import { useReachability } from "#test/support/use-reachability.ts";

const reachability = useReachability();
const probes = allProbes(["x/a", "x/b", "x/c", "y/a"], ["TCP", "UDP", "SCTP", "ICMP"], WORLD_PORTS).filter(
  ({ from, to }) => from === "x/a" || to === "x/a",
);

describe("ranges, tiers, denies and messages", () => {
  test.each(orderedRuleCases)("$title", async ({ policies, isBlocked }) => {
    await reachability().check({ policies, isBlocked }, probes);
  });
});

describe("allow and deny of a peer, of a port, of both, with and without requests of HTTP", () => {
  // What is for the proxy passes where a rule asks nothing of it: these are no requests of HTTP.
  const some = combinations.filter((_, i) => i % sized({ short: 23, long: 1 }) === 0);

  test.each(some)("$title", async ({ title, probes: classes }) => {
    const rules = title.split(", ");
    const isPlain = (who: string): boolean =>
      rules.some((rule) => rule === "allow 80" || (who === "foo" && ["allow foo", "allow foo 80"].includes(rule)));
    const verdicts = new Map(classes.map(({ name, expected }) => [name, expected]));
    const isBlocked = ({ from, to, protocol, port }: Probe): boolean | undefined => {
      if (to !== "x/a" || protocol !== "TCP") return undefined;
      const who = from === "x/b" ? "foo" : "other";
      const verdict = verdicts.get(`${who} ${port === 80 ? "80" : "other"}`);
      if (verdict === "redirect") return isPlain(who) ? false : undefined;
      return verdict !== "allow";
    };
    await reachability().check(
      { policies: combinedRules(title === "nothing" ? [] : title.split(", ")), isBlocked },
      probes,
    );
  });
});

describe("denies of a port, and of a peer, beside allows of both", () => {
  const allows = ["allow 80 HTTP", "allow 80", "allow 81", "allow foo"];

  // Port 81, port 80 and an echo of the client: allowed, or denied. Port 80 is the proxy's, by rules of which one asks nothing of requests.
  test.each([
    ["nothing", allows, [], "AAA"],
    ["port 80", allows, ["deny 80"], "ADA"],
    ["the client", allows, ["deny foo"], "DDD"],
    ["both", allows, ["deny 80", "deny foo"], "DDD"],
    ["port 80, and no allow", [], ["deny 80"], "DDD"],
  ])("deny of %s", async (_, allowed, denied, expected) => {
    const isBlocked = ({ from, to, protocol, port }: Probe): boolean | undefined => {
      if (from !== "x/b" || to !== "x/a") return undefined;
      if (protocol === "ICMP") return expected[2] === "D";
      return protocol === "TCP" ? expected[port === 81 ? 0 : 1] === "D" : undefined;
    };
    await reachability().check({ policies: combinedRules([...allowed, ...denied]), isBlocked }, probes);
  });
});

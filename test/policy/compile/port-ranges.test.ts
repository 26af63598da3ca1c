import { expect, test } from "vitest";
import { PolicyEngine } from "#policy/compile/engine.ts";
import { ANY_PEER } from "#policy/compile/entry.ts";
import { ciliumPolicy, ciliumRule, onPort, portItem } from "#test/support/cilium-objects.ts";
import { Judges } from "#test/support/judges.ts";
import { kubernetesPolicy, kubernetesRule, pod, tcp } from "#test/support/policy-objects.ts";
import { Random } from "#test/support/random.ts";
import { sized } from "#test/support/size.ts";

const a = pod("n/a", "10.0.0.1");
const b = pod("n/b", "10.0.0.2");

type Range = readonly [first: number, last: number];

/** From 1 to 65535; some end where others begin. */
function randomRange(random: Random, others: readonly Range[]): Range {
  const port = (): number => {
    const border = others.length > 0 && random.chance(0.4) ? random.pick(others.flat()) + random.integer(-1, 1) : null;
    return Math.min(65535, Math.max(1, border ?? random.pick([random.integer(1, 65535), 2 ** random.integer(0, 16)])));
  };
  const [one, other] = [port(), port()];
  return [Math.min(one, other), Math.max(one, other)];
}

function randomRanges(random: Random, least: number, most: number): Range[] {
  const ranges: Range[] = [];
  for (let i = random.integer(least, most); i > 0; i--) ranges.push(randomRange(random, ranges));
  return ranges;
}

test("a rule with a range has at most 30 entries, which let through all of it and nothing else", () => {
  const random = new Random(1);
  for (let i = 0; i < sized({ short: 300, long: 10_000 }); i++) {
    const [first, last] = randomRange(random, []);
    const policy = kubernetesPolicy({
      ingress: [kubernetesRule({ ports: [{ protocol: "TCP", port: first, endPort: last }] })],
    });
    const engine = new PolicyEngine([policy]);
    const entries = engine.entriesFor(b.subject, ANY_PEER).filter(({ direction }) => direction === "ingress");
    expect(entries.length).toBeLessThanOrEqual(30);
    const covered = entries.reduce((sum, { portBits }) => sum + 2 ** (16 - portBits), 0);
    expect(covered, `${first}-${last}`).toBe(last - first + 1);
    for (const { port, portBits, protocol } of entries) {
      expect(protocol).toBe(6);
      expect(port).toBeGreaterThanOrEqual(first);
      expect(port + 2 ** (16 - portBits) - 1).toBeLessThanOrEqual(last);
    }
  }
});

test("at and beside the borders of ranges that overlap, allowed and denied, verdict and rules are right", () => {
  for (let seed = 1; seed <= sized({ short: 150, long: 5_000 }); seed++) {
    const random = new Random(seed);
    const [allowed, denied] = [randomRanges(random, 1, 5), randomRanges(random, 0, 4)];
    const rules = (ranges: readonly Range[]) =>
      ranges.map(([first, last]) => ciliumRule({ ports: [portItem([onPort(first, "TCP", last)])] }));
    const policy = ciliumPolicy({ ingress: rules(allowed), ingressDeny: rules(denied) });
    const judges = new Judges([policy], [a, b]);
    for (const border of new Set([...allowed, ...denied].flat())) {
      for (const port of [border - 1, border, border + 1]) {
        if (port < 0 || port > 65535) continue;
        const { compiled, evaluated, specified } = judges.judge(tcp(a, b, port));
        const has = ([first, last]: Range): boolean => port >= first && port <= last;
        const verdict = !denied.some(has) && allowed.some(has) ? "allow" : "deny";
        expect(compiled.ingress.verdict, `seed ${seed}, port ${port}`).toBe(verdict);
        expect([compiled, evaluated], `seed ${seed}, port ${port}`).toEqual([specified, specified]);
      }
    }
  }
});

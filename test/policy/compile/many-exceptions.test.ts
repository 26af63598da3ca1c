import { expect, test } from "vitest";
import { MOST_COMPARISONS, PolicyEngine } from "#policy/compile/engine.ts";
import { PolicyTooLargeError } from "#policy/compile/errors.ts";
import { type AddressToken, tokenHolds } from "#policy/model/address-token.ts";
import { formatCidr } from "#policy/model/cidr.ts";
import { NO_CONTROLS } from "#policy/model/controls.ts";
import type { Subject } from "#policy/model/identity.ts";
import type { NetworkPolicyObject, NetworkPolicyPeer } from "#policy/model/object.ts";
import { Random } from "#test/support/random.ts";
import { sized } from "#test/support/size.ts";

/** So many that all pairs of peers and classes could neither be held in memory nor be looked at in the time of a test. */
const MANY = 20_000;
const EVERYWHERE = "0.0.0.0/0";
const FIRST_CLASS = 1 << 24;
const pod: Subject = { namespace: "shop", labels: {}, serviceAccount: "default", namedPorts: [] };
const elsewhere: Subject = { ...pod, namespace: "other" };

const own = (i: number): string => `10.${i >> 8}.${i & 255}.1/32`;
const block = (cidr: string, except: readonly string[]): NetworkPolicyPeer => ({
  podSelector: null,
  namespaceSelector: null,
  ipBlock: { cidr, except },
});

/** A policy for all pods of a namespace, with the peers of each of its rules. */
function policy(rules: readonly (readonly NetworkPolicyPeer[])[], name = "a"): NetworkPolicyObject {
  return {
    kind: "NetworkPolicy",
    controls: NO_CONTROLS,
    namespace: "shop",
    name,
    source: { file: "policy.yaml", line: 1 },
    podSelector: { matchLabels: {}, matchExpressions: [] },
    policyTypes: ["Ingress"],
    ingress: rules.map((peers, line) => ({ line, peers, ports: [] })),
    egress: [],
  };
}

/** Tells an engine of a class for what is nowhere else, and of one for each exception. @returns the number of each. */
function addClasses(engine: PolicyEngine): Map<string, number> {
  const numbers = new Map(engine.tokens.map((token, i) => [token, FIRST_CLASS + i]));
  for (const [token, number] of numbers) engine.addClass(number, [...new Set([EVERYWHERE, token])]);
  return numbers;
}

function allowed(engine: PolicyEngine, subject: Subject): Set<number> {
  const entries = engine.compile(subject).entries.filter(({ direction }) => direction === "ingress");
  return new Set(entries.flatMap(({ peer, verdict }) => (verdict === "allow" ? peer : [])));
}

test(`${MANY} peers of one rule, each with an exception of its own, are all classes`, () => {
  const engine = new PolicyEngine([policy([Array.from({ length: MANY }, (_, i) => block(EVERYWHERE, [own(i)]))])]);
  const numbers = addClasses(engine);
  expect(numbers.size).toBe(MANY + 1);
  expect(allowed(engine, pod)).toEqual(new Set(numbers.values()));
});

test("many peers with one exception in common do not mean what is in it", () => {
  const common = "172.16.0.0/12";
  const peers = Array.from({ length: MANY }, (_, i) => block(EVERYWHERE, [common, own(i)]));
  const others = Array.from({ length: MANY }, (_, i) => `172.${16 + (i >> 12)}.${(i >> 4) & 255}.${16 * (i & 15)}/28`);
  const engine = new PolicyEngine([policy([peers])]);
  addClasses(engine);
  const inside = others.map((range, i) => {
    engine.addClass(2 * FIRST_CLASS + i, [EVERYWHERE, common, range]);
    return 2 * FIRST_CLASS + i;
  });
  const meant = allowed(engine, pod);
  expect(meant.size).toBe(MANY + 1);
  expect(inside.some((number) => meant.has(number))).toBe(false);
});

test(`a peer with ${MANY} exceptions means the rest`, () => {
  const except = Array.from({ length: MANY }, (_, i) => own(i));
  const engine = new PolicyEngine([policy([[block(EVERYWHERE, except)]])]);
  const numbers = addClasses(engine);
  expect(allowed(engine, pod)).toEqual(new Set([numbers.get(EVERYWHERE)]));
});

test(`${MANY} rules that select no pod that is asked for cost nothing`, () => {
  const rules = Array.from({ length: MANY }, (_, i) => [block(EVERYWHERE, [own(i)])]);
  const engine = new PolicyEngine([policy(rules)]);
  addClasses(engine);
  expect(engine.compile(elsewhere).entries.every(({ peer }) => peer === 0)).toBe(true);
});

test("rules that would be compared with classes too often are refused, by the name of their policy", () => {
  const rules = Array.from({ length: MANY }, (_, i) => [block(EVERYWHERE, [own(i)])]);
  const engine = new PolicyEngine([policy([[block("192.0.2.0/24", [])]], "small"), policy(rules, "big")]);
  addClasses(engine);
  let refused: unknown;
  try {
    engine.compile(pod);
  } catch (error) {
    refused = error;
  }
  expect(refused).toBeInstanceOf(PolicyTooLargeError);
  expect((refused as PolicyTooLargeError).policy).toEqual({ kind: "NetworkPolicy", namespace: "shop", name: "big" });
  expect((refused as Error).message).toContain("NetworkPolicy shop/big is too large");
  // Others go on, and the same policies without it.
  expect(engine.compile(elsewhere).entries.length).toBeGreaterThan(0);
  expect(allowed(engine.evolve([policy([[block("192.0.2.0/24", [])]], "small")]), pod).size).toBe(1);
});

test("policies are refused that are too much together", () => {
  const size = 1000;
  const objects = Array.from({ length: Math.ceil(MOST_COMPARISONS / size ** 2) + 1 }, (_, i) => ({
    ...policy([Array.from({ length: size }, (_, k) => block(EVERYWHERE, [own(k)]))], `p-${i}`),
    podSelector: { matchLabels: { app: `${i}` }, matchExpressions: [] },
    ingress: Array.from({ length: size }, (_, line) => ({ line, peers: [block(EVERYWHERE, [own(line)])], ports: [] })),
  }));
  const engine = new PolicyEngine(objects);
  addClasses(engine);
  const compile = (i: number): unknown => engine.compile({ ...pod, labels: { app: `${i}` } });
  compile(0);
  // Asked for again it does not count again.
  for (let i = 0; i < 20; i++) compile(0);
  expect(() => objects.forEach((_, i) => compile(i))).toThrow(PolicyTooLargeError);
}, 60_000);

test("blocks with ranges inside of each other as exceptions mean what each of them alone would", () => {
  for (let seed = 1; seed <= sized({ short: 300, long: 10_000 }); seed++) {
    const random = new Random(seed);
    const range = (): string => {
      const bits = random.pick([0, 1, 2, 3, 4]);
      const value = BigInt(random.integer(0, 15)) << 28n;
      const free = BigInt(32 - bits);
      return formatCidr({ family: 4, address: (value >> free) << free, bits });
    };
    const peers = Array.from({ length: random.integer(1, 5) }, () =>
      block(range(), Array.from({ length: random.integer(0, 3) }, range)),
    );
    const engine = new PolicyEngine([policy([peers])]);
    const addresses = Array.from({ length: 16 }, (_, i) => `${16 * i}.0.0.1`);
    const holding = (address: string): AddressToken[] =>
      engine.tokens.filter((token) => tokenHolds(token, { address }));
    for (const [i, address] of addresses.entries()) engine.addClass(FIRST_CLASS + i, holding(address));
    const meant = addresses.flatMap((address, i) => {
      const has = (cidr: string): boolean => holding(address).includes(cidr);
      const isMeant = peers.some(({ ipBlock }) => ipBlock && has(ipBlock.cidr) && !ipBlock.except.some(has));
      return isMeant ? FIRST_CLASS + i : [];
    });
    expect(allowed(engine, pod), `seed ${seed}: ${JSON.stringify(peers)}`).toEqual(new Set(meant));
  }
});

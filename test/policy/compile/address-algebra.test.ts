import { expect, test } from "vitest";
import { type KnownPrefix, partition } from "#agent/ipcache/partition.ts";
import { type EngineOptions, PolicyEngine } from "#policy/compile/engine.ts";
import { PolicyMap } from "#policy/compile/policy-map.ts";
import { type Address, type Cidr, formatAddress, formatCidr, parseCidr } from "#policy/model/cidr.ts";
import { type AddressToken, tokenBlock } from "#policy/model/address-token.ts";
import type { Party } from "#policy/model/flow.ts";
import { reservedIdentities } from "#policy/model/reserved.ts";
import { judge } from "#policy/oracle/oracle.ts";
import { ruleName } from "#test/support/compiled-cluster.ts";
import { pod } from "#test/support/policy-objects.ts";
import { randomAddressPolicies } from "#test/support/random-address-policies.ts";
import { RandomCidrs, longest } from "#test/support/random-cidrs.ts";
import { Random } from "#test/support/random.ts";
import { sized } from "#test/support/size.ts";

const SETS = sized({ short: 100, long: 5_000 });
const ADDRESSES = 200;
const FIRST_POD = 256;
const FIRST_CLASS = (1 << 24) + 1;
const POD_RANGES = ["10.4.0.0/16", "fd00::/16"];
/** Who is outside of the cluster: the API server, too, as it runs on no node here. */
const OUTSIDERS = [reservedIdentities.world, reservedIdentities["kube-apiserver"]];

interface Owner {
  readonly cidr: Cidr;
  readonly identity: number;
  readonly party: Omit<Party, "address">;
}

/** The ranges of pods, and single addresses of pods, of nodes, and of the API server. */
function randomOwners(random: Random, cidrs: RandomCidrs): Owner[] {
  const ranges = POD_RANGES.map((text): Owner => {
    return { cidr: parseCidr(text) as Cidr, identity: reservedIdentities.unmanaged, party: { reserved: "unmanaged" } };
  });
  const hosts = new Map<string, Owner>();
  for (let i = 0; i < 6; i++) {
    const { family, value } = cidrs.near([cidrs.cidr(), ...ranges.map(({ cidr }) => cidr)]);
    const cidr: Cidr = { family, address: value, bits: family === 4 ? 32 : 128 };
    const reserved = random.pick(["host", "remote-node", "kube-apiserver"] as const);
    const owner: Owner = random.chance(0.6)
      ? { cidr, identity: FIRST_POD + i, party: { subject: pod(`n/pod-${i}`, "").subject } }
      : { cidr, identity: reservedIdentities[reserved], party: { reserved } };
    hosts.set(formatCidr(cidr), owner);
  }
  return [...ranges, ...hosts.values()];
}

/** What the kernel holds: who has a prefix, and what rules say of it. */
class AddressWorld {
  readonly #owners: readonly Owner[];
  readonly #parts: readonly { readonly cidr: Cidr; readonly identity: number; readonly addressClass: number }[];

  constructor(engine: PolicyEngine, owners: readonly Owner[]) {
    this.#owners = owners;
    const known = owners.map(({ cidr, identity }): KnownPrefix => ({ prefix: formatCidr(cidr), identity }));
    const classes = new Map<string, number>([["", 0]]);
    this.#parts = partition(known, engine.tokens, reservedIdentities.world, OUTSIDERS).map((part) => {
      const text = part.tokens.join();
      const addressClass = classes.get(text) ?? FIRST_CLASS + classes.size;
      if (!classes.has(text)) engine.addClass(addressClass, part.tokens);
      classes.set(text, addressClass);
      return { cidr: parseCidr(part.prefix) as Cidr, identity: part.identity, addressClass };
    });
    for (const { identity, party } of owners) if (party.subject) engine.addIdentity(identity, party.subject);
  }

  /** By one look-up of the longest prefix. */
  numbersOf(address: Address): { readonly identity: number; readonly addressClass: number } {
    return longest(this.#parts, address) ?? { identity: reservedIdentities.world, addressClass: 0 };
  }

  partyOf(address: Address): Party {
    return { ...longest(this.#owners, address)?.party, address: formatAddress(address) };
  }
}

function blocksOf(tokens: readonly AddressToken[]): Cidr[] {
  return tokens.flatMap((token) => {
    const block = tokenBlock(token);
    return block ? [parseCidr(block.cidr) as Cidr] : [];
  });
}

function compare(seed: number, seen: Record<string, number>): void {
  const random = new Random(seed);
  const cidrs = new RandomCidrs(random);
  const objects = randomAddressPolicies(random, cidrs);
  const owners = randomOwners(random, cidrs);
  const options: EngineOptions = { cidrMatchesPods: random.pick(["language", "language", true, false] as const) };
  const engine = new PolicyEngine(objects, options);
  const world = new AddressWorld(engine, owners);
  const self = pod("n/self", "");
  const map = new PolicyMap(engine.compile(self.subject).entries);
  const ranges = [...blocksOf(engine.tokens), ...owners.map(({ cidr }) => cidr)];
  for (let i = 0; i < ADDRESSES; i++) {
    const address = cidrs.near(ranges);
    const party = world.partyOf(address);
    const direction = random.pick(["egress", "ingress"] as const);
    // The node reaches its pods whatever their policy says.
    if (direction === "ingress" && party.reserved === "host") continue;
    const me = { subject: self.subject };
    const [source, destination] = direction === "egress" ? [me, party] : [party, me];
    const expected = judge(objects, { source, destination, protocol: "TCP", port: 80 }, options)[direction];
    const { verdict, rules } = map.judge(direction, world.numbersOf(address), 6, 80);
    const names = [...new Set(rules.map(({ description }) => ruleName(description)))].sort();
    seen[verdict] = (seen[verdict] ?? 0) + 1;
    if (rules.length > 0) seen["by rule"] = (seen["by rule"] ?? 0) + 1;
    if (verdict !== expected.verdict || names.join() !== expected.rules.join()) {
      expect({ verdict, rules: names }, `seed ${seed}, ${direction}, ${JSON.stringify(party)}`).toEqual(expected);
    }
  }
}

test(`${SETS * ADDRESSES} addresses of ${SETS} sets of ranges have the verdict and the rules of the specifications`, () => {
  const seen: Record<string, number> = {};
  for (let seed = 1; seed <= SETS; seed++) compare(seed, seen);
  for (const key of ["allow", "deny", "by rule"]) expect(seen[key], key).toBeGreaterThan((SETS * ADDRESSES) / 5);
}, 900_000);

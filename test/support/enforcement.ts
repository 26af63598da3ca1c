import { Enforcement } from "#agent/endpoint/enforcement.ts";
import type { EnforcementOptions } from "#agent/endpoint/enforcement-options.ts";
import type { GuardedEndpoint } from "#agent/endpoint/guarded-endpoint.ts";
import { AddressSpace, type ClassNumbers } from "#agent/ipcache/address-space.ts";
import { PolicyEngine } from "#policy/compile/engine.ts";
import type { Subject } from "#policy/model/identity.ts";
import type { Rule, RuleDescription } from "#policy/model/rule.ts";
import type { Kernel } from "#agent/datapath/kernel.ts";

/** Numbers for sets in memory; a freed number is not used again. */
export class MemoryClasses implements ClassNumbers {
  readonly #numbers = new Map<string, number>();
  readonly #sets = new Map<number, readonly string[]>();
  #next: number;

  constructor(first = 2 ** 24 + 1) {
    this.#next = first;
  }

  intern(cidrs: readonly string[]): number {
    if (cidrs.length === 0) return 0;
    const known = this.#numbers.get(cidrs.join());
    if (known !== undefined) return known;
    this.#numbers.set(cidrs.join(), this.#next);
    this.#sets.set(this.#next, cidrs);
    return this.#next++;
  }

  lookup(addressClass: number): readonly string[] | undefined {
    return this.#sets.get(addressClass);
  }

  retain(inUse: ReadonlySet<number>): void {
    for (const [number, cidrs] of this.#sets) {
      if (inUse.has(number)) continue;
      this.#sets.delete(number);
      this.#numbers.delete(cidrs.join());
    }
  }
}

/** Rule references in memory. */
export class MemoryReferences {
  readonly rules: (readonly Rule[])[] = [[]];
  readonly #numbers = new Map<string, number>([["", 0]]);

  intern(rules: readonly Rule[]): number {
    const key = keyOf(rules);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    this.rules.push(rules);
    this.#numbers.set(key, this.rules.length - 1);
    return this.rules.length - 1;
  }

  find(rules: readonly Rule[]): number | undefined {
    return this.#numbers.get(keyOf(rules));
  }

  lookup(reference: number): RuleDescription[] {
    return (this.rules[reference] ?? []).map(({ description }) => description);
  }
}

/** Nobody who redirects is told of anything. */
const noProxy: EnforcementOptions["redirected"] = { name() {}, told: () => Promise.resolve(), speakOf() {} };

function keyOf(rules: readonly Rule[]): string {
  const keys = rules.map(({ key }) => key);
  return keys.sort().join(" ");
}

export interface EnforcementSetup {
  readonly enforcement: Enforcement;
  readonly references: MemoryReferences;
  readonly classes: MemoryClasses;
}

/** An enforcement over a kernel in memory, with the range of pods 10.0.0.0/24. */
export function makeEnforcement(
  kernel: Kernel,
  references = new MemoryReferences(),
  classes = new MemoryClasses(),
  boot = (instant: number): bigint => BigInt(instant) * 1_000_000n,
  redirected = noProxy,
): EnforcementSetup {
  const addresses = new AddressSpace({ table: kernel.ipcache, control: kernel.control, classes, fallback: 2 });
  const enforcement = new Enforcement(new PolicyEngine([]), {
    kernel,
    addresses,
    references,
    redirected,
    boot,
    reserved: [{ prefix: "10.0.0.0/24", identity: 3 }],
    nodeIdentity: 1,
    nodeAddresses: ["10.0.0.1"],
  });
  return { enforcement, references, classes };
}

/** An endpoint with a number, which is also its address, identity by subject. */
export function makeEndpoint(id: number, subject: Subject, identity: number, ipv4 = `10.0.0.${id}`): GuardedEndpoint {
  const mac = "02:00:00:00:00:01";
  return { id, incarnation: id, identity, ifindex: id, mac, hostMac: mac, ipv4, ipv6: null, viaStack: false, subject };
}

import { decodeMac } from "#agent/datapath/address.ts";
import { ReservedIdentity, Verdict } from "#agent/datapath/layouts.gen.ts";
import { RESERVED_IDENTITIES } from "#agent/identity/reserved.ts";
import { formatAddress } from "#policy/model/cidr.ts";
import type { Party } from "#policy/model/flow.ts";
import type { Labels, Subject } from "#policy/model/identity.ts";
import { protocolNumbers } from "#policy/model/protocol.ts";
import type { RuleDescription } from "#policy/model/rule.ts";
import type { Field } from "./struct-fields.ts";
import type { KnownReferences, ReadOut } from "./read-out.ts";

const verdicts = new Map<number, string>(Object.entries(Verdict).map(([name, number]) => [number, name.toLowerCase()]));
const protocols = new Map<number, string>(Object.entries(protocolNumbers).map(([name, number]) => [number, name]));

/** `KIND NAMESPACE/NAME RULE`, as the oracle names rules. */
export function ruleName({ kind, namespace, name, rule }: RuleDescription): string {
  return `${kind} ${namespace}/${name} ${rule}`;
}

export function verdictName(verdict: number): string {
  return verdicts.get(verdict) ?? `${verdict}, which is no verdict`;
}

/** `TCP`, or the number. */
export function protocolName(protocol: number): string {
  return protocols.get(protocol) ?? `protocol ${protocol}`;
}

/** `shop {app=web}` */
export function subjectName({ namespace, labels }: Subject): string {
  return `${namespace} ${labelsName(labels)}`;
}

function labelsName(labels: Labels): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return `{${pairs.sort().join(",")}}`;
}

/** `shop {app=web} at 10.0.0.7`, `remote-node {zone=a}`, `world` */
export function partyName({ subject, reserved = "world", nodeLabels = {}, address }: Party): string {
  const labels = Object.keys(nodeLabels).length > 0 ? ` ${labelsName(nodeLabels)}` : "";
  const who = subject ? subjectName(subject) : `${reserved}${labels}`;
  return address === undefined ? who : `${who} at ${address}`;
}

/** Words for the numbers in maps. */
export class Names {
  readonly #subjects: ReadonlyMap<number, Subject>;
  readonly #parties: ReadonlyMap<number, Party>;
  readonly #classes: ReadonlyMap<number, readonly string[]>;
  readonly #references: KnownReferences;

  constructor({ snapshot }: ReadOut, references: KnownReferences) {
    this.#subjects = snapshot.identities;
    this.#parties = snapshot.parties;
    this.#classes = snapshot.classes;
    this.#references = references;
  }

  /** `257 (shop {app=web})` */
  identity(identity: number): string {
    const subject = this.#subjects.get(identity);
    const party = this.#parties.get(identity);
    const name = subject ? subjectName(subject) : party ? partyName(party) : RESERVED_IDENTITIES.get(identity);
    return `${identity} (${name ?? "nobody"})`;
  }

  addressClass(addressClass: number): string {
    if (addressClass === 0) return "0";
    return `${addressClass} (${this.#classes.get(addressClass)?.join(" ") ?? "no class"})`;
  }

  /** Of an entry's key: an identity, a class, or anybody. */
  peer(peer: number): string {
    if (peer === ReservedIdentity.UNKNOWN) return "anybody";
    return this.#classes.has(peer) ? `class ${this.addressClass(peer)}` : `identity ${this.identity(peer)}`;
  }

  /** Rules behind a reference, each once, sorted. */
  rules(reference: number): string[] {
    return [...new Set(this.#references.lookup(reference).map(ruleName))].sort();
  }

  reference(reference: number): string {
    if (reference === 0) return "0 (no rule)";
    return `${reference} (${this.rules(reference).join(", ") || "no set of rules"})`;
  }

  /** What a field of a map's structure holds. */
  field({ name, at, size }: Field, bytes: Uint8Array): string {
    const part = bytes.subarray(at, at + size);
    const last = (name.split(".").at(-1) as string).replace(/\[\d\]$/, "");
    if (size === 6) return decodeMac(part);
    if (last === "ipv4" || last === "ipv6") return addressText(part, last === "ipv6");
    if (last === "address")
      return addressText(
        part,
        part.subarray(4).some((byte) => byte !== 0),
      );
    const exact = part.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
    if (last === "not_after") return exact === 0n ? "0 (never)" : `${exact} ns since the boot`;
    const number = Number(exact);
    if (last === "verdict") return verdictName(number);
    if (last === "rule" || last === "limit") return this.reference(number);
    if (last === "identity") return this.identity(number);
    return last === "address_class" ? this.addressClass(number) : String(exact);
  }
}

/** Sixteen bytes as an address; as they are where they are none of the family. */
function addressText(bytes: Uint8Array, isIpv6: boolean): string {
  if (!isIpv6 && bytes.subarray(4).some((byte) => byte !== 0)) return Buffer.from(bytes).toString("hex");
  let value = 0n;
  for (const byte of bytes.subarray(0, isIpv6 ? 16 : 4)) value = (value << 8n) | BigInt(byte);
  return formatAddress({ family: isIpv6 ? 6 : 4, value });
}

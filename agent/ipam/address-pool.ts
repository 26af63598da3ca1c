import type { Clock } from "#agent/runtime/clock.ts";
import { AddressRange } from "./address-range.ts";
import { IpamError } from "./errors.ts";

/** A pair of addresses, reserved together; a family that the node has no range for is null. */
export interface AddressPair {
  readonly ipv4: string | null;
  readonly ipv6: string | null;
}

export interface AddressPoolOptions {
  readonly ipv4: string | null;
  readonly ipv6: string | null;
  readonly clock: Clock;
  /** How long a released address rests, in milliseconds; 30 s unless told. */
  readonly cooldown?: number;
}

/** How full a range is. */
export interface RangeFill {
  readonly cidr: string;
  readonly used: number;
  readonly cooling: number;
  readonly capacity: bigint;
}

const COOLDOWN = 30_000;

/** The addresses of a node's pods, of one family or of both: a pod gets all of them or none. */
export class AddressPool {
  readonly #ipv4: AddressRange | null;
  readonly #ipv6: AddressRange | null;

  /** @throws IpamError `bad-range`. */
  constructor({ ipv4, ipv6, clock, cooldown = COOLDOWN }: AddressPoolOptions) {
    this.#ipv4 = ipv4 === null ? null : new AddressRange(ipv4, { clock, cooldown });
    this.#ipv6 = ipv6 === null ? null : new AddressRange(ipv6, { clock, cooldown });
    if (this.#ipv4 === null && this.#ipv6 === null) {
      throw new IpamError("bad-range", { asked: "make an address pool", obstacle: "no range was given" });
    }
  }

  /** The pods' gateways, which are the node's own. */
  get gateway(): AddressPair {
    return { ipv4: this.#ipv4?.gateway ?? null, ipv6: this.#ipv6?.gateway ?? null };
  }

  /** The ranges in canonical text. */
  get cidrs(): AddressPair {
    return { ipv4: this.#ipv4?.cidr ?? null, ipv6: this.#ipv6?.cidr ?? null };
  }

  get fill(): RangeFill[] {
    return [this.#ipv4, this.#ipv6]
      .filter((range) => range !== null)
      .map(({ cidr, used, cooling, capacity }) => ({ cidr, used, cooling, capacity }));
  }

  /** @throws IpamError `pool-exhausted`, and then nothing is taken. */
  allocate(owner: string): AddressPair {
    const ipv4 = this.#ipv4?.allocate(owner) ?? null;
    try {
      return { ipv4, ipv6: this.#ipv6?.allocate(owner) ?? null };
    } catch (error) {
      if (ipv4 !== null) this.#ipv4?.withdraw(ipv4);
      throw error;
    }
  }

  /**
   * Says at start that an endpoint has its addresses. Addresses of a range that the node
   * does not have any more are left alone: they are nobody's to give.
   *
   * @throws IpamError `address-in-use`, and then nothing is taken.
   */
  reserve({ ipv4, ipv6 }: AddressPair, owner: string): void {
    const took4 = reserveIn(this.#ipv4, ipv4, owner);
    try {
      reserveIn(this.#ipv6, ipv6, owner);
    } catch (error) {
      if (took4 && ipv4 !== null) this.#ipv4?.withdraw(ipv4);
      throw error;
    }
  }

  /** Begins the addresses' cool-down. Idempotent. */
  release({ ipv4, ipv6 }: AddressPair): void {
    if (ipv4 !== null) this.#ipv4?.release(ipv4);
    if (ipv6 !== null) this.#ipv6?.release(ipv6);
  }
}

function reserveIn(range: AddressRange | null, address: string | null, owner: string): boolean {
  if (range === null || address === null) return false;
  try {
    range.reserve(address, owner);
    return true;
  } catch (error) {
    if (error instanceof IpamError && error.code === "address-outside") return false;
    throw error;
  }
}

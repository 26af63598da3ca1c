import { statSync } from "node:fs";
import { AddressLedger } from "#agent/ipam/address-ledger.ts";
import { Ipam, type IpamOptions } from "#agent/ipam/ipam.ts";
import { onTestFinished } from "vitest";
import { FakeClock } from "./fake-clock.ts";
import { TemporaryFolder } from "./temporary-folder.ts";

export interface MadeIpam {
  readonly ipam: Ipam;
  readonly clock: FakeClock;
  /** What has been warned of. */
  readonly warnings: string[];
  /** Bytes of the file that outlives it. */
  readonly ledgerSize: () => number;
  /** As the next life of the agent finds it, with other options if any. */
  readonly restart: (options?: Partial<IpamOptions>) => Ipam;
}

/** An ipam with a state folder of its own, which goes with the test. */
export function makeIpam(ranges: readonly string[], options: Partial<IpamOptions> = {}): MadeIpam {
  const folder = new TemporaryFolder();
  const clock = new FakeClock();
  const warnings: string[] = [];
  const ledgers: AddressLedger[] = [];
  const cooldown = 30_000;
  const restart = (more: Partial<IpamOptions> = {}): Ipam => {
    ledgers.pop()?.[Symbol.dispose]();
    const ledger = new AddressLedger({ path: folder.join("addresses.journal"), clock, cooldown });
    ledgers.push(ledger);
    const warn = (message: string): void => void warnings.push(message);
    return new Ipam({ clock, ledger, cooldown, warn, pools: new Map([["default", ranges]]), ...options, ...more });
  };
  onTestFinished(() => {
    ledgers.pop()?.[Symbol.dispose]();
    folder[Symbol.dispose]();
  });
  const ledgerSize = (): number => statSync(folder.join("addresses.journal")).size;
  return { ipam: restart(), clock, warnings, ledgerSize, restart };
}

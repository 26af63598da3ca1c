import { native } from "./native/library.ts";
import { Struct } from "./native/struct.ts";

const CLOCK_REALTIME = 0;
const CLOCK_BOOTTIME = 7;

function read(clock: number): bigint {
  const time = new Struct(16);
  native().clockGettime(clock, time.bytes);
  return time.view.getBigInt64(0, true) * 1_000_000_000n + time.view.getBigInt64(8, true);
}

/** The clocks that programs and people use, in ns: CLOCK_BOOTTIME as `bpf_ktime_get_boot_ns`, CLOCK_REALTIME. */
export const systemClocks = {
  boot: (): bigint => read(CLOCK_BOOTTIME),
  real: (): bigint => read(CLOCK_REALTIME),
} as const;

import { ApiError } from "#agent/api/errors.ts";
import type { Timestamp } from "./messages.ts";

const BILLION = 1_000_000_000n;
/** The first and the last second that a timestamp may have: of the years 1 and 9999. */
const first = BigInt(Date.parse("0001-01-01T00:00:00Z")) / 1000n;
const last = BigInt(Date.parse("9999-12-31T23:59:59Z")) / 1000n;

/** @param time nanoseconds since 1970. */
export function toTimestamp(time: bigint): Timestamp {
  return { seconds: (time / BILLION).toString(), nanos: Number(time % BILLION) };
}

/** Nanoseconds since 1970. @throws ApiError `bad-request` for what protobuf allows no timestamp to be. */
export function fromTimestamp(field: string, { seconds = "0", nanos = 0 }: Timestamp): bigint {
  const whole = BigInt(seconds);
  if (whole >= first && whole <= last && nanos >= 0 && nanos < 1_000_000_000) return whole * BILLION + BigInt(nanos);
  throw new ApiError("bad-request", { asked: `read ${field}`, obstacle: "it is no timestamp" });
}

import { mustRun } from "#agent/local/command.ts";
import type { Place } from "#test/support/lab-program.ts";

export interface WrkOptions {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
}

export interface WrkResult {
  readonly requests: number;
  /** Requests a second. */
  readonly rate: number;
  /** Of an answer, in µs. */
  readonly p50: number;
  readonly p99: number;
  /** Answers of 400 and more, and errors of connections. */
  readonly failures: number;
}

const microseconds: Readonly<Record<string, number>> = { us: 1, ms: 1_000, s: 1_000_000 };

/** Debian's wrk with one thread: as many requests, one after the other on each connection, as are answered. */
export async function runWrk(place: Place, { url, connections, seconds }: WrkOptions): Promise<WrkResult> {
  const command = ["wrk", "-t1", `-c${connections}`, `-d${seconds}s`, "--timeout", "10s", "--latency", url];
  const said = await mustRun(place.enter(command));
  const latency = (percentile: number): number => {
    const [, number, unit = ""] = new RegExp(`${percentile}%\\s+([\\d.]+)(us|ms|s)`).exec(said) ?? [];
    return Number(number) * (microseconds[unit] ?? Number.NaN);
  };
  const figure = (pattern: RegExp): number => Number(pattern.exec(said)?.[1] ?? 0);
  const errors = /connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(said)?.slice(1) ?? [];
  return {
    requests: figure(/(\d+) requests in/),
    rate: figure(/Requests\/sec:\s+([\d.]+)/),
    p50: latency(50),
    p99: latency(99),
    failures: figure(/Non-2xx or 3xx responses: (\d+)/) + errors.reduce((sum, one) => sum + Number(one), 0),
  };
}

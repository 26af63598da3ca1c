import type { Random } from "#test/support/random.ts";
import { cutAnywhere } from "./byte-mutator.ts";
import { http1 } from "./http1-target.ts";
import { http2 } from "./http2-target.ts";
import { type ProtocolTarget, play } from "./protocol-target.ts";
import { tls } from "./tls-target.ts";

export const protocolTargets: ReadonlyMap<string, ProtocolTarget> = new Map(Object.entries({ http1, http2, tls }));

/** Bytes that may be written for one input, in all: all answers and what goes to the server. */
const allowance = (length: number): number => 65_536 + 64 * length;

export interface Trial {
  /** What the handler has done that it never may; null when all is well. */
  readonly violation: string | null;
  /** What it has decided, in short. */
  readonly decided: string;
}

/** Sends an input whole, byte by byte and cut anywhere. */
export async function tryBytes(target: ProtocolTarget, bytes: Buffer, random: Random): Promise<Trial> {
  const ways = {
    whole: [bytes],
    "byte by byte": bytes.length <= 512 ? Array.from(bytes, (byte) => Buffer.of(byte)) : null,
    "in pieces": cutAnywhere(random, bytes),
  };
  let first: string | null = null;
  for (const [way, pieces] of Object.entries(ways)) {
    if (pieces === null) continue;
    try {
      const outcome = await play(target, pieces);
      const decided = target.decided(outcome).join("\n");
      const fault = target.fault(outcome);
      if (fault !== null) return { violation: `${way}: ${fault}`, decided };
      if (outcome.written > allowance(bytes.length)) return { violation: `${way}: ${outcome.written} bytes`, decided };
      first ??= decided;
      if (decided !== first) return { violation: `decides otherwise ${way}:\n${first}\n---\n${decided}`, decided };
    } catch (error) {
      const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return { violation: `${way}: throws ${said}`, decided: "" };
    }
  }
  return { violation: null, decided: first ?? "" };
}

import type { Random } from "#test/support/random.ts";
import { cutAnywhere } from "./byte-mutator.ts";
import { http1Answers, http2Answers } from "./answer-targets.ts";
import { dns } from "./dns-target.ts";
import { http1 } from "./http1-target.ts";
import { http2 } from "./http2-target.ts";
import { kafka } from "./kafka-target.ts";
import { type ProtocolTarget, describe, play } from "./protocol-target.ts";
import { tls } from "./tls-target.ts";

export const protocolTargets: ReadonlyMap<string, ProtocolTarget> = new Map(
  Object.entries({ http1, "http1-answers": http1Answers, http2, "http2-answers": http2Answers, tls, kafka, dns }),
);

/** Bytes that may be written for one input, in all: all answers and what goes to the server. */
const allowance = (length: number): number => 65_536 + 64 * length;

export interface Trial {
  /** What the handler has done that it never may; null when all is well. */
  readonly violation: string | null;
  /** What it has told of, by which inputs that lead somewhere new are known. */
  readonly told: string;
}

/** Sends an input whole, byte by byte and cut anywhere. */
export async function tryBytes(target: ProtocolTarget, bytes: Buffer, random: Random): Promise<Trial> {
  const ways = {
    whole: [bytes],
    "byte by byte": bytes.length <= 512 ? Array.from(bytes, (byte) => Buffer.of(byte)) : null,
    "in pieces": cutAnywhere(random, bytes),
  };
  let [told, first]: (string | null)[] = [null, null];
  for (const [way, pieces] of Object.entries(ways)) {
    if (pieces === null) continue;
    const violation = (text: string): Trial => ({ violation: `${way}: ${text}`, told: told ?? "" });
    try {
      const outcome = await play(target, pieces);
      const decided = target.decided(outcome).join("\n");
      told ??= outcome.records.map(describe).join("\n");
      first ??= decided;
      const fault = target.fault(outcome);
      if (fault !== null) return violation(fault);
      if (outcome.written > allowance(bytes.length)) return violation(`writes ${outcome.written} bytes`);
      if (decided !== first) return violation(`decides otherwise:\n${first}\n---\n${decided}`);
    } catch (error) {
      return violation(`throws ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  }
  return { violation: null, told: told ?? "" };
}

import * as z from "zod";
import { subjectHash } from "./subject-text.ts";

/**
 * Where identities live in the store.
 *
 * | key | value |
 * |---|---|
 * | `identities/id/NUMBER` | {@link NumberRecord}: what the number stands for |
 * | `identities/subject/HASH` | {@link ClaimRecord}: the one number of a subject |
 * | `identities/use/NUMBER/NODE` | empty; there while the node has such a pod, lifetime of the node |
 * | `identities/last/NODE` | the number that the node took last: it goes on from there, so that a freed one rests |
 */
export const identityKeys = {
  numbers: "identities/id/",
  number: (id: number) => `identities/id/${id}`,
  claim: (text: string) => `identities/subject/${subjectHash(text)}`,
  uses: (id: number) => `identities/use/${id}/`,
  allUses: "identities/use/",
  use: (id: number, node: string) => `identities/use/${id}/${node}`,
  last: (node: string) => `identities/last/${node}`,
} as const;

/** `subject` is the subject's text; `by` the node that made the record. */
const numberRecord = z.object({ subject: z.string(), by: z.string() });
export type NumberRecord = z.infer<typeof numberRecord>;

/** `leaving`: somebody is about to delete it, and has to look for users once more before that. */
const claimRecord = z.object({ id: z.int(), leaving: z.boolean() });
export type ClaimRecord = z.infer<typeof claimRecord>;

function parse<T>(schema: z.ZodType<T>, text: string): T | null {
  try {
    const result = schema.safeParse(JSON.parse(text));
    return result.success ? result.data : null;
  } catch {
    // Not JSON: no record of ours.
    return null;
  }
}

export function parseNumberRecord(text: string): NumberRecord | null {
  return parse(numberRecord, text);
}

export function parseClaimRecord(text: string): ClaimRecord | null {
  return parse(claimRecord, text);
}

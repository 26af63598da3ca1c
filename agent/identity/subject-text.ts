import { createHash } from "node:crypto";
import { type Labels, sortNamedPorts, type Subject } from "#policy/model/identity.ts";
import * as z from "zod";

const shape = z.object({
  namespace: z.string(),
  labels: z.record(z.string(), z.string()),
  serviceAccount: z.string(),
  namedPorts: z.array(
    z.object({ name: z.string(), protocol: z.enum(["TCP", "UDP", "SCTP"]), port: z.int().min(1).max(65535) }),
  ),
});

/** The one text of a subject: equal for equal subjects, in whatever order their labels and ports came. */
export function subjectText({ namespace, labels, serviceAccount, namedPorts }: Subject): string {
  return JSON.stringify({
    namespace,
    labels: sortLabels(labels),
    serviceAccount,
    namedPorts: sortNamedPorts(namedPorts),
  });
}

/** Reads what {@link subjectText} wrote; null when the text is none, as it may come from a store. */
export function parseSubject(text: string): Subject | null {
  try {
    const result = shape.safeParse(JSON.parse(text));
    return result.success ? result.data : null;
  } catch {
    // Not JSON: no subject.
    return null;
  }
}

/** A short word for a subject's text, usable in a store's key. */
export function subjectHash(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function sortLabels(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

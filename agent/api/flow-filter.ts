/** Which flows a reader wants: all that is given must match; of a list, one. */
import * as z from "zod";
import { flowVerdict } from "./flow.ts";

const list = <T extends z.ZodType>(item: T) =>
  z
    .union([item, z.array(item).max(64)])
    .optional()
    .transform((value): z.output<T>[] => (value === undefined ? [] : Array.isArray(value) ? value : [value]));

const flag = z
  .enum(["true", "false"])
  .optional()
  .transform((value) => value === "true");

const count = z
  .string()
  .regex(/^\d{1,9}$/, "is not a number")
  .transform(Number);

/** The query of `GET /v1/flows`. */
export const flowQuery = z.strictObject({
  verdict: list(flowVerdict),
  /** `NAMESPACE/POD` at either end. */
  pod: list(z.string().regex(/^[^/]+\/[^/]+$/, "is not NAMESPACE/POD")),
  /** Of either end. */
  namespace: list(z.string().min(1)),
  /** Address or CIDR, at either end. */
  ip: list(z.string().min(1)),
  /** At either end. */
  port: list(count.refine((port) => port <= 65535, "is not a port")),
  protocol: list(z.enum(["TCP", "UDP", "SCTP", "ICMPv4", "ICMPv6"])),
  direction: list(z.enum(["INGRESS", "EGRESS"])),
  /** Only those that something staged would judge otherwise. */
  staged: flag,
  /** Not before this instant (RFC 3339). */
  since: z.iso.datetime({ offset: true }).optional(),
  /** The newest N of those kept. Absent: all of them, or none when following. */
  last: count.optional(),
  /** Go on with new ones until the reader hangs up. */
  follow: flag,
  /** Say in the stream how many flows were lost. */
  lost: flag,
});
export type FlowQuery = z.infer<typeof flowQuery>;

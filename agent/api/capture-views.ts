/** Dropped packets as the API streams them. */
import * as z from "zod";
import { flow } from "./flow.ts";

/** Bytes of a packet that are captured at most: `CAPTURE_BYTES` in `bpf/lib/shared/capture.h`. */
export const SNAPLEN_MAX = 1600;

const several = <T extends z.ZodType>(item: T) =>
  z
    .union([item, z.array(item).max(64)])
    .optional()
    .transform((value): z.output<T>[] => (value === undefined ? [] : Array.isArray(value) ? value : [value]));

/** The query of `GET /v1/captures`. */
export const captureQuery = z.strictObject({
  /** `NAMESPACE/POD` at either end. */
  pod: several(z.string().regex(/^[^/]+\/[^/]+$/, "is not NAMESPACE/POD")),
  /** Names of reasons, as `drop_reason_desc` of flows has them. */
  reason: several(z.string().regex(/^[A-Z0-9_]{1,64}$/, "is no name of a reason")),
  /** Bytes of each packet. */
  snaplen: z.coerce.number().int().min(14).max(SNAPLEN_MAX).default(256),
});
export type CaptureQuery = z.infer<typeof captureQuery>;

export const capturedPacket = z.object({
  /** Where it was dropped. `name` null: the device is gone. */
  interface: z.object({ index: z.int(), name: z.string().nullable() }),
  /** Had it come in by the device, or was it to leave by it? */
  way: z.enum(["in", "out"]),
  /** Bytes of the packet, of which `data` has the first. */
  length: z.int(),
  /** From the Ethernet header on, in base64. */
  data: z.string(),
  /** Why, and who it was from and for. */
  flow,
});
export type CapturedPacket = z.infer<typeof capturedPacket>;

/** Dropped packets that nobody will see: there were too many at once. */
export const lostPackets = z.object({ lost_packets: z.int() });
export type LostPackets = z.infer<typeof lostPackets>;

/** A line of the stream. */
export type CaptureLine = CapturedPacket | LostPackets;

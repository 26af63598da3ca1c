import * as z from "zod";
import { capturedPacket, captureQuery, lostPackets } from "#agent/api/capture-views.ts";
import type { Ports } from "#agent/api/ports.ts";
import { type Route, route } from "#agent/api/route.ts";

type Needs = Pick<Ports, "captures">;

/** Dropped packets, one JSON object a line. Of `agent.sock` only: packets carry what people say to each other. */
export const captureRoutes: readonly Route<Needs>[] = [
  route({
    method: "GET",
    path: "/v1/captures",
    summary: "Dropped packets as they come; a change, because the datapath captures as long as somebody reads",
    changes: true,
    query: captureQuery,
    response: z.union([capturedPacket, lostPackets]),
    subject: ({ query: { pod, reason } }) => [...pod, ...reason].join(", ") || "all",
    stream: ({ query }, { captures }: Needs, signal) => captures.read(query, signal),
  }),
];

import type { Flow, FlowLayer7 } from "#agent/api/flow.ts";
import type { RequestContent } from "#agent/proxy/request-record.ts";
import type { KeptRequest } from "./request.ts";

/** The `l7` of a flow. @param isReply it tells of an answer. */
export function layer7({ content, latency }: KeptRequest, isReply: boolean): FlowLayer7 {
  return {
    type: isReply ? "RESPONSE" : "REQUEST",
    ...(latency === null ? {} : { latency_ns: String(Math.round(latency)) }),
    ...recordOf(content, isReply),
  };
}

function recordOf(content: RequestContent, isReply: boolean): Pick<FlowLayer7, "http" | "dns" | "kafka"> {
  switch (content.family) {
    case "http": {
      const { code, method, url, protocol, headers } = content;
      return { http: { ...(code === 0 ? {} : { code }), method, url, protocol, headers } };
    }
    case "dns":
      return { dns: dnsOf(content, isReply) };
    case "kafka": {
      const { errorCode, apiVersion, apiKey, correlationId, topics } = content;
      return {
        kafka: {
          error_code: errorCode,
          api_version: apiVersion,
          api_key: apiKey,
          correlation_id: correlationId,
          topic: topics.join(","),
        },
      };
    }
    case "tls":
      return {};
  }
}

function dnsOf(
  { query, qtypes, rcode, ips, cnames, ttl }: Extract<RequestContent, { family: "dns" }>,
  isReply: boolean,
): NonNullable<FlowLayer7["dns"]> {
  const types = [
    ...(cnames.length > 0 ? ["CNAME"] : []),
    ...(ips.some((address) => !address.includes(":")) ? ["A"] : []),
    ...(ips.some((address) => address.includes(":")) ? ["AAAA"] : []),
  ];
  return {
    query,
    ...(ips.length > 0 ? { ips } : {}),
    ...(isReply && types.length > 0 ? { ttl } : {}),
    ...(cnames.length > 0 ? { cnames } : {}),
    observation_source: "proxy",
    ...(rcode === 0 ? {} : { rcode }),
    qtypes,
    ...(types.length > 0 ? { rrtypes: types } : {}),
  };
}

/** What Hubble has no field for. */
export function ownLayer7({ content }: KeptRequest): Pick<Flow["weir"], "http" | "tls" | "kafka"> {
  if (content.family === "http" && content.mismatches) return { http: { mismatches: content.mismatches } };
  if (content.family === "tls") return { tls: { serverName: content.serverName } };
  return content.family === "kafka" ? { kafka: { clientId: content.clientId } } : {};
}

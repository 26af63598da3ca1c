import { KafkaFault, WireReader } from "./wire.ts";
import { type RequestTopics, topicRequests } from "./topic-requests.ts";

/** Requests by number (`api_key`) that are looked at by it. */
export const ApiKey = { produce: 0, fetch: 1, controlledShutdown: 7, saslHandshake: 17, apiVersions: 18 } as const;

/** A request to a broker. */
export interface BrokerRequest {
  readonly apiKey: number;
  readonly apiVersion: number;
  readonly correlationId: number;
  readonly clientId: string | null;
  /** `none`: requests of this kind have no topics. `unknown`: they may, and it could not be read which. */
  readonly topics: RequestTopics | "none" | "unknown";
}

/**
 * Kinds without topics, in whatever version: FindCoordinator, JoinGroup, Heartbeat, LeaveGroup, SyncGroup, DescribeGroups, ListGroups,
 * SaslHandshake, ApiVersions, InitProducerId, AddOffsetsToTxn, EndTxn, SaslAuthenticate.
 */
const WITHOUT_TOPICS = new Set([10, 11, 12, 13, 14, 15, 16, 17, 18, 22, 25, 26, 36]);
/** So many topics of one request are looked at. */
const MOST_TOPICS = 10_000;

/** @param content A frame without the length before it. Null: it has no header of a request. */
export function readRequest(content: Buffer): BrokerRequest | null {
  const reader = new WireReader(content);
  try {
    const header = { apiKey: reader.int16(), apiVersion: reader.int16(), correlationId: reader.int32() };
    const { apiKey, apiVersion } = header;
    if (apiKey < 0 || apiVersion < 0) return null;
    // The only header without it. In flexible headers it stands as in others, and before what is new there.
    const isNamed = apiKey !== ApiKey.controlledShutdown || apiVersion > 0;
    const clientId = isNamed ? reader.nullableString() : null;
    return { ...header, clientId, topics: readTopics(reader, apiKey, apiVersion) };
  } catch (error) {
    if (error instanceof KafkaFault) return null;
    throw error;
  }
}

function readTopics(reader: WireReader, apiKey: number, version: number): BrokerRequest["topics"] {
  if (WITHOUT_TOPICS.has(apiKey)) return "none";
  const kind = topicRequests.get(apiKey);
  if (!kind || version > kind.maxVersion) return "unknown";
  try {
    const said = kind.read(reader, version);
    reader.expectEnd();
    return said.topics && said.topics.length > MOST_TOPICS ? "unknown" : said;
  } catch (error) {
    if (error instanceof KafkaFault) return "unknown";
    throw error;
  }
}

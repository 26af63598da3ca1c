import { ApiKey, type BrokerRequest } from "./request.ts";
import { type Refusal, type RequestTopics, topicRequests } from "./topic-requests.ts";
import { WireWriter } from "./wire.ts";

/** Of the protocol's list of errors. */
export const KafkaError = {
  topicAuthorizationFailed: 29,
  clusterAuthorizationFailed: 31,
  fetchSessionNotFound: 70,
} as const;

/** What is said to a request that is denied. */
export interface Answer {
  readonly error: number;
  /** Null: there is none in the protocol that could be given, so the connection ends. */
  readonly frame: Buffer | null;
}

/** Answers of requests without topics, of the versions before flexible ones. */
const answers: ReadonlyMap<number, { readonly maxVersion: number; write(writer: WireWriter, version: number): void }> =
  new Map([
    [10, { maxVersion: 2, write: writeCoordinator }],
    [12, { maxVersion: 3, write: writeError }],
    [
      22,
      {
        maxVersion: 1,
        write: (writer: WireWriter) => writer.int32(0).int16(KafkaError.clusterAuthorizationFailed).int64(-1).int16(-1),
      },
    ],
  ]);

/** Heartbeat. */
function writeError(writer: WireWriter, version: number): void {
  if (version >= 1) writer.int32(0);
  writer.int16(KafkaError.clusterAuthorizationFailed);
}

/** FindCoordinator. */
function writeCoordinator(writer: WireWriter, version: number): void {
  writeError(writer, version);
  if (version >= 1) writer.string(null);
  writer.int32(-1).string("").int32(-1);
}

/** The answer that a broker gives who does not let this client do it. */
export function refuse(request: BrokerRequest, broker: Refusal["broker"]): Answer {
  const { apiKey, apiVersion, topics } = request;
  if (typeof topics === "object") {
    return refuseTopics(request, topics, broker, KafkaError.topicAuthorizationFailed);
  }
  const error = KafkaError.clusterAuthorizationFailed;
  const answer = topics === "none" ? answers.get(apiKey) : undefined;
  if (!answer || apiVersion > answer.maxVersion) return { error, frame: null };
  const writer = new WireWriter().int32(request.correlationId);
  answer.write(writer, apiVersion);
  return { error, frame: writer.frame() };
}

/** To a consumer who goes on with topics that are not known here: it begins with a list of them again. */
export function refuseSession(request: BrokerRequest, broker: Refusal["broker"]): Answer {
  return refuseTopics(request, { topics: [] }, broker, KafkaError.fetchSessionNotFound);
}

function refuseTopics(
  { apiKey, apiVersion, correlationId }: BrokerRequest,
  { topics, isOneWay }: RequestTopics,
  broker: Refusal["broker"],
  error: number,
): Answer {
  // As a broker does: without an answer, only an end can tell.
  if (isOneWay) return { error, frame: null };
  const writer = new WireWriter().int32(correlationId);
  topicRequests.get(apiKey)?.refuse(writer, apiVersion, { topics: topics ?? [], error, broker });
  return { error, frame: writer.frame() };
}

/** SaslHandshake of this version is followed by what is no request, and could be taken for one. */
export function hasOpaqueSequel({ apiKey, apiVersion }: BrokerRequest): boolean {
  return apiKey === ApiKey.saslHandshake && apiVersion === 0;
}

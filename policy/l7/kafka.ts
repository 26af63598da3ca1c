import { KAFKA_API_KEYS, type KafkaApiKey } from "#policy/model/kafka-keys.ts";
import type { KafkaRule, L7Rules } from "#policy/model/l7.ts";

/** A request to a broker, as far as rules can ask of it. */
export interface KafkaRequest {
  /** Number in the protocol. */
  readonly apiKey: number;
  readonly apiVersion: number;
  /** Null: the client does not name itself. */
  readonly clientId: string | null;
  /** One of its topics. `none`: requests like this have none; `unknown`: it has some that could not be read. */
  readonly topic: { readonly name: string } | "none" | "unknown";
}

const SESSION: readonly KafkaApiKey[] = ["apiversions", "saslhandshake", "metadata"];
/**
 * What a role needs: what the published field stands for, and what today's clients cannot do without: the number that an idempotent
 * producer asks for, the check of a leader's epoch, and the way in where brokers ask who it is.
 */
const ROLES: Readonly<Record<NonNullable<KafkaRule["role"]>, readonly KafkaApiKey[]>> = {
  produce: [...SESSION, "produce", "initproducerid"],
  consume: [
    ...SESSION,
    ...(["fetch", "offsets", "offsetcommit", "offsetfetch", "offsetforleaderepoch"] as const),
    ...(["findcoordinator", "joingroup", "heartbeat", "leavegroup", "syncgroup"] as const),
  ],
};
/** Has no name that rules could give; goes with `saslhandshake`. */
const SASL_AUTHENTICATE = 36;

/** The name that rules have for a request. */
export function kafkaKeyName(apiKey: number): string {
  return KAFKA_API_KEYS[apiKey] ?? `${apiKey}`;
}

/** Whether one of the rules lets the request pass. Rules of other families let none. */
export function meetsKafkaRules(l7: L7Rules | null, request: KafkaRequest): boolean {
  return l7?.family === "kafka" && l7.rules.some((rule) => meets(rule, request));
}

/** All that is given must match. A topic is not asked of requests that have none. */
function meets({ role, apiKey, apiVersion, clientId, topic }: KafkaRule, request: KafkaRequest): boolean {
  const key = request.apiKey === SASL_AUTHENTICATE ? "saslhandshake" : KAFKA_API_KEYS[request.apiKey];
  if (role !== null && !(key && ROLES[role].includes(key))) return false;
  if (apiKey !== null && apiKey !== key) return false;
  if (apiVersion !== null && Number(apiVersion) !== request.apiVersion) return false;
  if (clientId !== null && clientId !== request.clientId) return false;
  if (topic === null || request.topic === "none") return true;
  return request.topic !== "unknown" && request.topic.name === topic;
}

import { meetsKafkaRules, type KafkaRequest } from "#policy/l7/kafka.ts";
import { type Decision, type EndRules, decide } from "../rule-book.ts";
import type { BrokerRequest } from "./request.ts";

/** Decides of a request: every one of its topics has to be allowed, by whichever rule. */
export function judge(ends: readonly EndRules[], request: BrokerRequest): Decision {
  const { apiKey, apiVersion, clientId } = request;
  const decisions = topicsOf(request).map((topic) =>
    decide(ends, ({ l7 }) => meetsKafkaRules(l7, { apiKey, apiVersion, clientId, topic })),
  );
  const denied = decisions.find(({ isAllowed }) => !isAllowed);
  const rules = [...new Set(decisions.flatMap((decision) => decision.rules))];
  return denied ?? { isAllowed: true, rules, deniedBy: null };
}

function topicsOf({ topics }: BrokerRequest): KafkaRequest["topic"][] {
  if (typeof topics === "string") return [topics];
  if (topics.topics === null) return ["unknown"];
  const names = new Set(topics.topics.map(({ name }) => name));
  return names.size === 0 ? ["none"] : [...names].map((name) => ({ name }));
}

import { expect, test } from "vitest";
import { type KafkaRequest, kafkaKeyName, meetsKafkaRules } from "#policy/l7/kafka.ts";
import { KAFKA_API_KEYS } from "#policy/model/kafka-keys.ts";
import type { KafkaRule } from "#policy/model/l7.ts";

const ANY: KafkaRule = { role: null, apiKey: null, apiVersion: null, clientId: null, topic: null };
const PRODUCE = 0;
const request = (apiKey: number, more: Partial<KafkaRequest> = {}): KafkaRequest => ({
  apiKey,
  apiVersion: 3,
  clientId: "billing",
  topic: { name: "orders" },
  ...more,
});
const meets = (rule: Partial<KafkaRule>, asked: KafkaRequest): boolean =>
  meetsKafkaRules({ family: "kafka", rules: [{ ...ANY, ...rule }] }, asked);

test.each([
  [{}, request(PRODUCE), true],
  [{}, request(99, { topic: "unknown" }), true],
  [{ apiKey: "produce" }, request(PRODUCE), true],
  [{ apiKey: "fetch" }, request(PRODUCE), false],
  [{ apiKey: "produce" }, request(99), false],
  [{ apiVersion: "3" }, request(PRODUCE), true],
  [{ apiVersion: "4" }, request(PRODUCE), false],
  [{ clientId: "billing" }, request(PRODUCE), true],
  [{ clientId: "Billing" }, request(PRODUCE), false],
  [{ clientId: "billing" }, request(PRODUCE, { clientId: null }), false],
  [{ topic: "orders" }, request(PRODUCE), true],
  [{ topic: "order" }, request(PRODUCE), false],
  [{ topic: "orders" }, request(12, { topic: "none" }), true],
  [{ topic: "orders" }, request(99, { topic: "unknown" }), false],
  [{ topic: "orders", clientId: "other" }, request(PRODUCE), false],
] as const)("%j, asked %j: %s", (rule, asked, is) => {
  expect(meets(rule, asked)).toBe(is);
});

test("a role stands for the requests that it takes", () => {
  const allowed = (role: "produce" | "consume"): string[] =>
    [...KAFKA_API_KEYS.keys(), 36, 37].filter((apiKey) => meets({ role }, request(apiKey))).map(kafkaKeyName);
  expect(allowed("produce")).toEqual(["produce", "metadata", "saslhandshake", "apiversions", "initproducerid", "36"]);
  expect(allowed("consume")).toEqual([
    "fetch",
    "offsets",
    "metadata",
    "offsetcommit",
    "offsetfetch",
    "findcoordinator",
    "joingroup",
    "heartbeat",
    "leavegroup",
    "syncgroup",
    "saslhandshake",
    "apiversions",
    "offsetforleaderepoch",
    "36",
  ]);
});

test("rules of other families let nothing pass, and of several any may be met", () => {
  expect(meetsKafkaRules({ family: "dns", rules: [] }, request(PRODUCE))).toBe(false);
  expect(meetsKafkaRules(null, request(PRODUCE))).toBe(false);
  const rules = [
    { ...ANY, topic: "a" },
    { ...ANY, topic: "orders" },
  ];
  expect(meetsKafkaRules({ family: "kafka", rules }, request(PRODUCE))).toBe(true);
});

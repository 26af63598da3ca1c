import { KAFKA_API_KEYS } from "#policy/model/kafka-keys.ts";
import type { KafkaRule } from "#policy/model/l7.ts";
import type { Fields, Reader } from "./reader.ts";

const ROLES = ["produce", "consume"] as const;

const MAX_VERSION = 32767;
const LONGEST_TOPIC = 255;

/** An item of `kafka`. The empty text means what a missing one means: any. */
export function readKafkaRule(reader: Reader): KafkaRule | null {
  const fields = reader.fields();
  if (!fields) return null;
  const role = readName(fields, "role", ROLES);
  const apiKey = readName(fields, "apiKey", KAFKA_API_KEYS);
  const apiVersion = fields.optional("apiVersion")?.text(versionFault) || null;
  const clientId = fields.optional("clientID")?.string() || null;
  const topic = fields.optional("topic")?.text(topicFault) || null;
  fields.refuseOthers();
  if (role && apiKey) fields.optional("apiKey")?.fail("cannot stand beside role, which names requests, too");
  return { role, apiKey, apiVersion, clientId, topic };
}

/** One of several names, in any case of letters. */
function readName<T extends string>(fields: Fields, field: string, names: readonly T[]): T | null {
  const find = (text: string): T | undefined => names.find((name) => name === text.toLowerCase());
  const text = fields
    .optional(field)
    ?.text((value) => (value === "" || find(value) ? null : `is not one of ${names.join(", ")}`));
  return find(text ?? "") ?? null;
}

function versionFault(text: string): string | null {
  const isVersion = text === "" || (/^[0-9]{1,5}$/.test(text) && Number(text) <= MAX_VERSION);
  return isVersion ? null : `is not a number from 0 to ${MAX_VERSION}`;
}

function topicFault(text: string): string | null {
  if (text.length > LONGEST_TOPIC) return `is longer than ${LONGEST_TOPIC} characters`;
  return /^[-a-zA-Z0-9._]*$/.test(text) ? null : "is not a topic's name: letters, digits, '-', '.' and '_'";
}

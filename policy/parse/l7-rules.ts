import type { L7Rules } from "#policy/model/l7.ts";
import { readNameMatch } from "./cilium-names.ts";
import { readHttpRule } from "./l7-http.ts";
import type { RegexChecks } from "./l7-regexes.ts";
import { readKafkaRule } from "./l7-kafka.ts";
import type { Fields, Reader } from "./reader.ts";

/** For each family its rules, and how to write the rule that allows everything. */
const FAMILIES = { http: "{}", kafka: "{}", dns: '{matchPattern: "*"}' } as const;
type Family = keyof typeof FAMILIES;

/** `rules` of an item of `toPorts`; null where it says nothing. */
export function readL7Rules(reader: Reader, regexes: RegexChecks): L7Rules | null {
  const fields = reader.fields();
  if (!fields) return null;
  const given = (Object.keys(FAMILIES) as Family[]).filter((family) => fields.optional(family));
  const rules = given.map((family) => readFamily(family, fields, regexes));
  for (const name of ["l7proto", "l7"]) {
    fields.refuse(name, "is not supported; accepted are http, kafka and dns");
  }
  fields.refuseOthers();
  for (const other of given.slice(1)) {
    fields.optional(other)?.fail(`cannot stand beside ${given[0]}; use two items of toPorts`);
  }
  return rules[0] ?? null;
}

function readFamily(family: Family, fields: Fields, regexes: RegexChecks): L7Rules {
  switch (family) {
    case "http":
      return { family, rules: readList(family, fields, (item) => readHttpRule(item, regexes)) };
    case "kafka":
      return { family, rules: readList(family, fields, readKafkaRule) };
    case "dns":
      return { family, rules: readList(family, fields, readNameMatch) };
  }
}

function readList<T>(family: Family, fields: Fields, read: (reader: Reader) => T | null): T[] {
  const list = fields.required(family);
  const items = list?.items() ?? [];
  const all = `write ${FAMILIES[family]} for a rule that allows everything`;
  if (list?.isEmptyList) list.fail(`is empty; ${all}`);
  return items
    .map((item) => (item.isNull ? item.fail(`is empty; ${all}`) : read(item)))
    .filter((rule) => rule !== null);
}

import { expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { fullText, targets } from "#test/fuzz/corpus.ts";
import { parseAnything } from "#test/fuzz/parse-invariant.ts";

const WRONG: readonly unknown[] = [null, true, 17, -1, 1e9, "x", "", [], {}, [null], { a: 1 }];

type Tree = Record<string, unknown> | unknown[];
type Path = readonly string[];

function documentsOf(target: string): Tree[] {
  return parseAllDocuments(fullText(target)).map((document) => document.toJS() as Tree);
}

const isTree = (value: unknown): value is Tree => typeof value === "object" && value !== null;

/** Of every field and item, those that hold others first. */
function pathsOf(value: unknown, path: Path = []): Path[] {
  const inner = isTree(value) ? Object.entries(value).flatMap(([key, one]) => pathsOf(one, [...path, key])) : [];
  return path.length === 0 ? inner : [path, ...inner];
}

/** A copy that differs in one place. */
function changed(value: unknown, [key, ...rest]: Path, next: unknown): unknown {
  if (key === undefined) return next;
  const copy = Array.isArray(value) ? [...(value as unknown[])] : { ...(value as object) };
  const old = Object.entries(copy).find(([name]) => name === key)?.[1];
  return Object.assign(copy, { [key]: changed(old, rest, next) });
}

test.each(targets())("%s: each field with each wrong value does no harm", (target) => {
  for (const document of documentsOf(target)) {
    for (const path of pathsOf(document)) {
      for (const wrong of WRONG) {
        const text = JSON.stringify(changed(document, path, wrong), null, 1);
        expect(parseAnything(text).violation, `${path.join(".")}: ${JSON.stringify(wrong)}`).toBeNull();
      }
    }
  }
});

/** Mappings with keys of the user's, and what is not for us to read. */
const FREE = /(^|\.)(labels|annotations|matchLabels|selector|managedFields|status|items)(\.|$)/;
const NOT_OURS = /^(Namespace|ServiceAccount|Pod|Node|Service|EndpointSlice)\.(?!metadata$)./;

test.each(targets())("%s: no mapping takes a field that it does not know", (target) => {
  for (const document of documentsOf(target)) {
    const mappings = [[], ...pathsOf(document)].filter((path) => !FREE.test(path.join(".")));
    for (const path of mappings) {
      const value = path.reduce<unknown>((tree, key) => (tree as Record<string, unknown>)[key], document);
      if (!isTree(value) || Array.isArray(value) || NOT_OURS.test(`${target}.${path.join(".")}`)) continue;
      const { parsed } = parseAnything(JSON.stringify(changed(document, [...path, "unknown"], 1), null, 1));
      const messages = parsed?.ok === false ? parsed.errors.map(({ field, message }) => `${field}: ${message}`) : [];
      const field = [...path, "unknown"].join(".").replaceAll(/\.([0-9]+)/g, "[$1]");
      expect(messages, field).toContainEqual(expect.stringContaining(`${field}: is not a known field; known are `));
    }
  }
});

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { objectKey } from "#policy/model/object.ts";
import { formatLocatedError } from "#policy/parse/located-error.ts";
import { parseObjects } from "#policy/parse/objects.ts";

const folder = join(import.meta.dirname, "../../fixtures/policies");

test.each(readdirSync(folder))("the policies of %s are valid, and no two have one name", (name) => {
  const files = readdirSync(join(folder, name)).filter((file) => file.endsWith(".yaml"));
  const keys = files.flatMap((file) => {
    const parsed = parseObjects(readFileSync(join(folder, name, file), "utf8"), file);
    expect(parsed.ok ? [] : parsed.errors.map(formatLocatedError)).toEqual([]);
    return parsed.ok ? parsed.objects.map(objectKey) : [];
  });
  expect(keys.length).toBeGreaterThan(0);
  expect(new Set(keys).size).toBe(keys.length);
});

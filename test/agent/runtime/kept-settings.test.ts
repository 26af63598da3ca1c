import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { keepSettings, readSettings } from "#agent/runtime/kept-settings.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

const forward = { path: "net/ipv4/ip_forward", before: "0", value: "1" };
const accept = { path: "net/ipv6/conf/a.b/accept_ra", before: "-1", value: "2" };

test("what a setting was at first is kept, in the order of the changes", () => {
  using folder = new TemporaryFolder();
  const path = folder.join("settings.json");
  expect(readSettings(path)).toEqual([]);
  keepSettings(path, [forward]);
  keepSettings(path, [{ ...forward, before: "7" }, accept]);
  expect(readSettings(path)).toEqual([forward, accept]);
});

test.for(["{", '["net/../../../x 0 1"]', '["kernel/panic 0 1"]', '["a"]'])("%j is no list of settings", (text) => {
  using folder = new TemporaryFolder();
  writeFileSync(folder.join("settings.json"), text);
  expect(() => readSettings(folder.join("settings.json"))).toThrow("read changed settings");
});

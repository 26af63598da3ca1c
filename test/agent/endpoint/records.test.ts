import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EndpointRecords } from "#agent/endpoint/records.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { makeNodeParts } from "./node-parts.ts";

async function recordOf(pod: string) {
  return await makeNodeParts().create(pod, {});
}

test("what was written is read, and a file that is none is named and stays", async () => {
  using folder = new TemporaryFolder();
  const record = await recordOf("pod");
  new EndpointRecords(folder.path, "boot-1").write(record);
  writeFileSync(join(folder.path, "endpoints/9.json"), "{");
  const { records, unreadable } = new EndpointRecords(folder.path, "boot-1").read();
  expect(records).toEqual([record]);
  expect(unreadable).toEqual([expect.stringContaining("endpoints/9.json")]);
});

test("records of an earlier boot are dropped, also what a loss of power left of them", async () => {
  using folder = new TemporaryFolder();
  new EndpointRecords(folder.path, "boot-1").write(await recordOf("pod"));
  writeFileSync(join(folder.path, "endpoints/9.json"), "");
  expect(new EndpointRecords(folder.path, "boot-2").read()).toEqual({ records: [], unreadable: [] });
  expect(readdirSync(join(folder.path, "endpoints"))).toEqual([]);
});

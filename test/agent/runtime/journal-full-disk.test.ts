import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import * as z from "zod";
import { Journal } from "#agent/runtime/journal.ts";
import { needs } from "#test/support/requirement.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

beforeEach(needs("root"));

test("a journal that met a full disk is read at the next start", () => {
  using folder = new TemporaryFolder();
  const disk = folder.join("disk");
  mkdirSync(disk);
  expect(spawnSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", disk]).status).toBe(0);
  try {
    const path = join(disk, "store.journal");
    const schema = z.object({ t: z.string() });
    const { journal } = Journal.open(path, schema);
    journal.append({ t: "before" });
    writeFileSync(join(disk, "fill"), Buffer.alloc(40 * 1024));
    expect(() => {
      for (;;) journal.append({ t: "x".repeat(3000) });
    }).toThrow(/ENOSPC/);
    rmSync(join(disk, "fill"));
    journal.append({ t: "after" });
    journal[Symbol.dispose]();
    const again = Journal.open(path, schema);
    using _journal = again.journal;
    expect(again.records.at(0)).toEqual({ t: "before" });
    expect(again.records.at(-1)).toEqual({ t: "after" });
  } finally {
    spawnSync("umount", [disk]);
  }
});

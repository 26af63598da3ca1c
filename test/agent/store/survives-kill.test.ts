import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";
import { EmbeddedStore } from "#agent/store/embedded.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

test("what was acknowledged is there after kill -9, again and again", async () => {
  using folder = new TemporaryFolder();
  const path = folder.join("store");
  for (let life = 1; life <= 3; life++) {
    const writer = spawn(process.execPath, [join(import.meta.dirname, "writer.ts"), path], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let told = "";
    writer.stdout.setEncoding("utf8").on("data", (text: string) => {
      told += text;
      if (told.length > 4_000) writer.kill("SIGKILL");
    });
    await once(writer, "close");
    const acknowledged = Number(told.split("\n").at(-2));
    await using store = EmbeddedStore.open(path);
    expect(Number((await store.get("n"))?.value)).toBeGreaterThanOrEqual(acknowledged);
  }
});

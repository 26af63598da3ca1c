import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { createLog, REDACTED, subsystemLog } from "#agent/runtime/log.ts";

function collector(): { output: Writable; text: () => string } {
  const chunks: string[] = [];
  const output = new Writable({
    write(chunk, _encoding, done) {
      chunks.push(String(chunk));
      done();
    },
  });
  return { output, text: () => chunks.join("") };
}

test("lines are JSON with level, time, subsystem and message", async () => {
  const { output, text } = collector();
  const log = subsystemLog(await createLog({ level: "info", format: "json" }, output), "ipam");
  log.debug("unheard");
  log.warn({ pool: "10.0.0.0/24" }, "nearly full");
  expect(JSON.parse(text())).toEqual({
    level: "warn",
    time: expect.stringMatching(/^\d{4}-.*Z$/) as string,
    subsystem: "ipam",
    pool: "10.0.0.0/24",
    msg: "nearly full",
  });
});

test("nothing on the list is shown, at any of three levels", async () => {
  const { output, text } = collector();
  const log = await createLog({ level: "info", format: "json" }, output);
  for (const name of REDACTED) {
    log.info({ [name]: "hush-1", request: { [name]: "hush-2", headers: { [name]: "hush-3" } } }, "asked");
  }
  expect(text()).not.toContain("hush");
  expect(text().match(/\[redacted\]/g)).toHaveLength(REDACTED.length * 3);
});

test("pretty lines are for people", async () => {
  const { output, text } = collector();
  const log = await createLog({ level: "info", format: "pretty" }, output);
  log.info("started");
  await expect.poll(text).toMatch(/INFO.*started/);
});

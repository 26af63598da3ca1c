import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { Progress } from "#agent/cli/progress.ts";

/** What is said of ten steps of so many milliseconds each. */
function said(isTTY: boolean, step: number): string {
  const stream = Object.assign(new PassThrough(), { isTTY });
  let now = 0;
  const progress = new Progress(stream, "comparing", () => now);
  for (let done = 1; done <= 10; done++) {
    now += step;
    progress.show(done, 10);
  }
  progress.clear();
  return (stream.read() as Buffer | null)?.toString() ?? "";
}

test("after a second it says how far it is, and wipes that out in the end", () => {
  expect(said(true, 300)).toBe(
    "\rcomparing 40 %\rcomparing 50 %\rcomparing 60 %\rcomparing 70 %\rcomparing 80 %\rcomparing 90 %\rcomparing 100 %\r\u001b[K",
  );
});

test("not more than ten times a second", () => {
  expect(said(true, 101)).toBe("\rcomparing 100 %\r\u001b[K");
  expect(said(true, 1000).split("\r")).toHaveLength(12);
});

test("of what is quick, and where nobody looks, nothing", () => {
  expect([said(true, 10), said(false, 1000)]).toEqual(["", ""]);
});

import { expect, test } from "vitest";
import { useHttp1Proxy } from "#test/support/http1-proxy.ts";
import { converse, statuses } from "#test/support/raw-client.ts";
import { useRecordingServer } from "#test/support/recording-server.ts";
import { smugglings } from "./smuggling-corpus.ts";

const { server, port } = useRecordingServer();
const proxy = useHttp1Proxy(port);

test("the corpus has a hundred messages, each with its own name", () => {
  expect(smugglings.length).toBeGreaterThanOrEqual(100);
  expect(new Set(smugglings.map(({ name }) => name)).size).toBe(smugglings.length);
});

test.each(smugglings)("has its required answer, in any pieces: $name", async ({ text, answers, seen }) => {
  for (const cutting of ["whole", "one byte at a time"] as const) {
    server.seen.length = 0;
    const answer = await converse(proxy.port, text, cutting);
    expect(statuses(answer), cutting).toEqual(answers);
    expect(
      server.seen.map((request) => request.text),
      cutting,
    ).toEqual(seen);
  }
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { cutText, cuts, formatRequest, validRequest } from "#test/support/http-messages.ts";
import { useHttp1Proxy } from "#test/support/http1-proxy.ts";
import { RawClient, statuses } from "#test/support/raw-client.ts";
import { useRawServer } from "#test/support/raw-server.ts";
import { useRecordingServer } from "#test/support/recording-server.ts";
import { sized } from "#test/support/size.ts";

const recording = useRecordingServer();
const proxy = useHttp1Proxy(recording.port);
const raw = useRawServer();
const rawProxy = useHttp1Proxy(raw.port);

interface Mutation {
  readonly at: number;
  readonly kind: "replace" | "insert" | "remove" | "double";
  readonly text: string;
}

const hostileText = fc.oneof(
  fc.constantFrom(
    "\r\n",
    "\n",
    "\r",
    "\0",
    " ",
    "\t",
    ":",
    "\r\n\r\n",
    "0\r\n\r\n",
    "Content-Length: 1\r\n",
    "%",
    "../",
    "\xff",
  ),
  fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
);
const mutation: fc.Arbitrary<Mutation> = fc.record({
  at: fc.nat(),
  kind: fc.constantFrom("replace", "insert", "remove", "double"),
  text: hostileText,
});

function mutate(text: string, { at, kind, text: hostile }: Mutation): string {
  const place = at % (text.length + 1);
  const [before, after] = [text.slice(0, place), text.slice(place)];
  if (kind === "insert") return before + hostile + after;
  if (kind === "remove") return before + after.slice(1 + (at % 5));
  if (kind === "double") return before + after.slice(0, 20) + after;
  return before + hostile + after.slice(hostile.length);
}

test("whatever bytes a client sends, it has answers or an end, and all that it held is given back", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(validRequest, { minLength: 1, maxLength: 3 }),
      fc.array(mutation, { minLength: 1, maxLength: 4 }),
      cuts,
      async (requests, mutations, sizes) => {
        recording.server.seen.length = 0;
        const text = mutations.reduce(mutate, requests.map(formatRequest).join(""));
        const client = await RawClient.open(proxy.port);
        await client.sendPieces(cutText(text, sizes));
        client.end();
        const answers = statuses(await client.rest());
        expect(proxy.failures).toEqual([]);
        // Each request that the server has seen has its answer; beside there are only refusals, and one behind all.
        const refusals = answers.filter((code) => code === 400).length;
        expect(refusals).toBeLessThanOrEqual(2);
        expect(answers.filter((code) => code === 200).length).toBe(recording.server.seen.length);
      },
    ),
    { numRuns: sized({ short: 200, long: 5000 }) },
  );
});

const answer = "HTTP/1.1 200 OK\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nT: u\r\n\r\n";
const sizedAnswer = "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";

test("whatever bytes a server answers, its client has one answer or an end", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(answer, sizedAnswer),
      fc.array(mutation, { minLength: 1, maxLength: 4 }),
      cuts,
      async (valid, mutations, sizes) => {
        const text = mutations.reduce(mutate, valid);
        const client = await RawClient.open(rawProxy.port);
        client.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n");
        const served = await raw.server.next();
        for (const piece of cutText(text, sizes)) {
          served.send(piece);
          await new Promise(setImmediate);
        }
        served.socket.end();
        client.end();
        const final = statuses(await client.rest()).filter((code) => code >= 200);
        expect(final.length).toBeLessThanOrEqual(1);
        expect(rawProxy.failures).toEqual([]);
      },
    ),
    { numRuns: sized({ short: 200, long: 5000 }) },
  );
});

import fc from "fast-check";
import { expect, test } from "vitest";
import { cutText, cuts, formatRequest, validRequest } from "#test/support/http-messages.ts";
import { useHttp1Proxy } from "#test/support/http1-proxy.ts";
import { RawClient, statuses } from "#test/support/raw-client.ts";
import { useRecordingServer } from "#test/support/recording-server.ts";
import { sized } from "#test/support/size.ts";

const { server, port } = useRecordingServer();
const proxy = useHttp1Proxy(port);

async function talk(target: number, pieces: readonly string[]): Promise<string> {
  const client = await RawClient.open(target);
  await client.sendPieces(pieces);
  client.end();
  return client.rest();
}

/** What the server has understood, and forgets; in no order, as node:http reads on while it answers. */
function understood() {
  const seen = server.seen.splice(0).map(({ text, rawHeaders, body }) => {
    const pairs = rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [`${name}: ${rawHeaders[i + 1]}`] : []));
    // Where framing stands among the fields is nobody's business.
    return { text, body, fields: pairs.filter((pair) => !/^(?:content-length|transfer-encoding):/i.test(pair)) };
  });
  return seen.map((request) => JSON.stringify(request)).sort();
}

test("valid requests arrive as they were sent, however they are cut", async () => {
  const conversations = fc.array(validRequest, { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(conversations, cuts, async (requests, sizes) => {
      const pieces = cutText(requests.map(formatRequest).join(""), sizes);
      const direct = await talk(await port(), pieces);
      const there = understood();
      const proxied = await talk(proxy.port, pieces);
      expect(understood()).toEqual(there);
      expect(there).toHaveLength(requests.length);
      const dateless = (text: string) => text.replaceAll(/^(?:Date|Keep-Alive|Connection): .*\r\n/gm, "");
      expect(sortedHeads(dateless(proxied))).toEqual(sortedHeads(dateless(direct)));
      expect(statuses(proxied)).toHaveLength(requests.length);
    }),
    { numRuns: sized({ short: 100, long: 1500 }) },
  );
});

/** Answers with their lines in one order. */
function sortedHeads(text: string): string[][] {
  return text.split(/(?=HTTP\/1\.1)/).map((answer) => answer.split("\r\n").sort());
}

import fc from "fast-check";
import { expect, test } from "vitest";
import { formatRequest, validRequest } from "#test/support/http-messages.ts";
import { useHttp1Proxy } from "#test/support/http1-proxy.ts";
import { useLoopbackNginx } from "#test/support/loopback-nginx.ts";
import { converse } from "#test/support/raw-client.ts";
import { useRecordingServer } from "#test/support/recording-server.ts";
import { sized } from "#test/support/size.ts";
import { smugglings } from "./smuggling-corpus.ts";

const nginx = useLoopbackNginx(
  'location / { add_header X-Seen "$request_method $request_uri $http_content_length$http_transfer_encoding" always; return 200 "ok"; }',
);
const { server, port } = useRecordingServer();
const beforeNginx = useHttp1Proxy(nginx.port);
const beforeNode = useHttp1Proxy(port);

/** What nginx and node:http have understood of what the proxy forwards. */
async function understood(text: string): Promise<{ readonly byNginx: string[]; readonly byNode: string[] }> {
  server.seen.length = 0;
  const answers = await converse(beforeNginx.port, text);
  await converse(beforeNode.port, text);
  const byNginx = [...answers.matchAll(/^X-Seen: (.*)\r$/gm)].map(([, seen = ""]) => seen.trimEnd());
  const byNode = server.seen.map(({ text: seen, headers }) => {
    const [method, url] = seen.split(" ");
    return `${method} ${url} ${headers["content-length"] ?? headers["transfer-encoding"] ?? ""}`.trimEnd();
  });
  return { byNginx, byNode };
}

// nginx has no OPTIONS *.
const both = smugglings.filter(({ seen }) => seen.length > 0 && !seen.some((text) => text.startsWith("OPTIONS *")));

test.each(both)("nginx and node:http read alike what is forwarded of: $name", async ({ text, seen }) => {
  const { byNginx, byNode } = await understood(text);
  expect(byNginx).toEqual(byNode);
  expect(byNode).toHaveLength(seen.length);
});

test("nginx and node:http read alike what is forwarded of any pipeline", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(validRequest, { minLength: 1, maxLength: 5 }), async (requests) => {
      const { byNginx, byNode } = await understood(requests.map(formatRequest).join(""));
      expect(byNginx).toEqual(byNode);
      expect(byNode).toHaveLength(requests.length);
    }),
    { numRuns: sized({ short: 60, long: 1000 }) },
  );
});

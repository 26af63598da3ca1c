import { request as httpRequest } from "node:http";
import { expect, test } from "vitest";
import { ApiFixture, collect } from "./api-fixture.ts";
import { fakePorts } from "./fake-ports.ts";
import { flow, web } from "./fake-views.ts";

const markup = "<script>alert(1)</script>\u001b]0;owned\u0007\u001b[2J";

function get(api: ApiFixture, path: string): Promise<{ headers: Record<string, unknown>; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ headers: Record<string, unknown>; body: string }>();
  httpRequest({ socketPath: api.socket, path, agent: false }, (response) => {
    let body = "";
    response.setEncoding("utf8").on("data", (piece: string) => (body += piece));
    response.on("end", () => resolve({ headers: response.headers, body }));
  })
    .on("error", reject)
    .end();
  return promise;
}

test("markup and terminal escapes in names are data of JSON, for browsers and for terminals", async () => {
  const { endpoints } = fakePorts();
  const named = { ...web, pod: markup, labels: { app: markup } };
  const flows = {
    async *read() {
      yield [{ ...flow, source: { ...flow.source, pod_name: markup } }];
    },
  };
  await using api = await ApiFixture.start({ endpoints: { ...endpoints, list: () => [named] }, flows });
  const refusals = [`/v1/${encodeURIComponent(markup)}`, `/v1/status?${encodeURIComponent(markup)}=1`];
  for (const path of ["/v1/endpoints", "/v1/flows", ...refusals]) {
    const { headers, body } = await get(api, path);
    expect(headers["content-type"]).toMatch(/^application\/(json|x-ndjson)$/);
    expect(headers["x-content-type-options"]).toBe("nosniff");
    // A line's end is the only character that a terminal acts on.
    // oxlint-disable-next-line no-control-regex
    expect(body).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  }
  expect(await api.client.endpoints()).toEqual([named]);
  expect(await collect(api.client.flows({}))).toMatchObject([{ source: { pod_name: markup } }]);
});

test("a query parameter that no route knows is refused by its name", async () => {
  await using api = await ApiFixture.start();
  for (const path of ["/v1/status?verbose=1", "/v1/flows?verdicts=DROPPED&verbose=1", "/v1/bpf/policy?verbose"]) {
    const { status, body } = await api.request("GET", path);
    expect([path, status, body]).toEqual([path, 400, expect.stringContaining('\\"verbose\\"')]);
  }
});

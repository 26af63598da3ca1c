import { expect, test } from "vitest";
import { ApiError } from "#agent/api/errors.ts";
import type { FlowLine } from "#agent/api/flow.ts";
import type { FlowPort } from "#agent/api/ports.ts";
import { ApiFixture, collect } from "./api-fixture.ts";
import { flow } from "./fake-views.ts";

/** A port that gives a flow and then waits until nobody wants more. */
class Patient implements FlowPort {
  readonly ended = Promise.withResolvers<void>();

  async *read(_: unknown, signal: AbortSignal): AsyncGenerator<readonly FlowLine[]> {
    yield [flow, flow];
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    this.ended.resolve();
  }
}

test("a line comes as soon as there is a flow, and a reader that hangs up ends the stream", async () => {
  const port = new Patient();
  await using api = await ApiFixture.start({ flows: port });
  for await (const line of api.client.flows({ follow: true })) {
    expect(line).toEqual(flow);
    break;
  }
  await port.ended.promise;
});

test("a stopping agent ends its streams", async () => {
  const api = await ApiFixture.start({ flows: new Patient() });
  const lines = api.client.flows({ follow: true });
  await lines.next();
  const stopped = api[Symbol.asyncDispose]();
  const rest = await collect(lines);
  expect(rest).toEqual([flow]);
  await stopped;
});

test("a filter's values reach the port as a list", async () => {
  const queries: unknown[] = [];
  const read: FlowPort["read"] = async function* (query) {
    queries.push(query);
    yield [];
  };
  await using api = await ApiFixture.start({ flows: { read } });
  await collect(api.client.flows({ port: [80, 443], pod: "shop/web-1", last: 5 }));
  expect(queries).toMatchObject([{ port: [80, 443], pod: ["shop/web-1"], last: 5, follow: false, verdict: [] }]);
});

test("a filter that the port refuses is answered with its status, not with a stream that breaks", async () => {
  const refused = new ApiError("bad-request", { asked: "filter flows", obstacle: "foo is neither" });
  const read: FlowPort["read"] = () => {
    throw refused;
  };
  await using api = await ApiFixture.start({ flows: { read } });
  await expect(collect(api.client.flows({ ip: "foo" }))).rejects.toThrow("foo is neither");
});

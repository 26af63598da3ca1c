import { connect } from "node:net";
import { expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { ApiFixture } from "./api-fixture.ts";

const seconds = expect.any(Number) as number;

test("with the route of the table, and the status that was answered", async () => {
  await using api = await ApiFixture.start({ status: { status: () => Promise.reject(new Error("broken")) } });
  await api.request("GET", "/v1/endpoints/12");
  await api.request("GET", "/v1/endpoints/twelve");
  await api.request("GET", "/v1/status");
  await api.request("GET", "/v1/flows");
  await api.request("GET", "/nowhere");
  expect(api.served).toEqual([
    { method: "GET", route: "/v1/endpoints/:id", pool: "call", status: 200, seconds },
    { method: "GET", route: "/v1/endpoints/:id", pool: "call", status: 400, seconds },
    { method: "GET", route: "/v1/status", pool: "call", status: 500, seconds },
    { method: "GET", route: "/v1/flows", pool: "stream", status: 200, seconds },
    { method: "other", route: "unknown", pool: "call", status: 404, seconds },
  ]);
});

test("also when the caller went before the answer", async () => {
  await using api = await ApiFixture.start();
  const socket = connect(api.socket);
  socket.write("GET /v1/policies/wait?revision=42 HTTP/1.1\r\nHost: agent\r\n\r\n", () => socket.destroy());
  await until("the request to be over", () => api.served.length > 0);
  expect(api.served).toEqual([{ method: "GET", route: "/v1/policies/wait", pool: "wait", status: 499, seconds }]);
});

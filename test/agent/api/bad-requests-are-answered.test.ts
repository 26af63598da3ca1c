import { expect, test } from "vitest";
import { ApiFixture, codeOf } from "./api-fixture.ts";

const cases: readonly (readonly [string, string, string, string | undefined, number, string])[] = [
  ["an unknown path", "GET", "/v1/nothing", undefined, 404, "unknown-route"],
  ["a path with an empty parameter", "GET", "/v1/endpoints/", undefined, 404, "unknown-route"],
  ["a target that is no path", "GET", "//", undefined, 400, "bad-request"],
  ["another method", "DELETE", "/v1/status", undefined, 405, "method-not-allowed"],
  ["a parameter that is no number", "GET", "/v1/endpoints/twelve", undefined, 400, "bad-request"],
  ["an unknown query parameter", "GET", "/v1/endpoints?limit=5", undefined, 400, "bad-request"],
  ["a query parameter given twice", "GET", "/v1/policies/wait?revision=1&revision=2", undefined, 400, "bad-request"],
  ["a flow filter of the wrong kind", "GET", "/v1/flows?verdict=MAYBE", undefined, 400, "bad-request"],
  ["no body where one is needed", "POST", "/v1/policies", undefined, 400, "bad-request"],
  ["a body where none is", "GET", "/v1/status", "{}", 413, "too-large"],
  ["a body that is not JSON", "POST", "/v1/policies", "{", 400, "bad-request"],
  ["a body of another shape", "POST", "/v1/policies", '{"text":1}', 400, "bad-request"],
  ["a body with a prototype", "POST", "/v1/cni", '{"__proto__":{"containerId":"a"}}', 400, "bad-request"],
  ["an object that is not there", "GET", "/v1/endpoints/13", undefined, 404, "not-found"],
];

test.each(cases)("%s", async (_, method, path, body, status, code) => {
  await using api = await ApiFixture.start();
  const answer = await api.request(method, path, body);
  expect([answer.status, codeOf(answer.body)]).toEqual([status, code]);
  expect(api.warnings).toEqual([]);
});

test("bytes that are not UTF-8", async () => {
  await using api = await ApiFixture.start();
  const answer = await api.request("POST", "/v1/policies", Buffer.from([0x22, 0xff, 0x22]));
  expect(answer.status).toBe(400);
});

test("the message names the field, and the details all of them", async () => {
  await using api = await ApiFixture.start();
  const { body } = await api.request("POST", "/v1/evaluate", '{"from":"","to":"a","protocol":"EGP","port":1}');
  const { error } = JSON.parse(body) as { error: { message: string; details: string } };
  expect(error.message).toMatch(/^read body: from: /);
  expect(error.details.split("\n")).toHaveLength(2);
});

test("an error inside is answered, and told to the operator", async () => {
  const broken = () => {
    throw new TypeError("x is undefined");
  };
  await using api = await ApiFixture.start({ status: { status: broken } });
  const answer = await api.request("GET", "/v1/status");
  expect([answer.status, codeOf(answer.body)]).toEqual([500, "internal"]);
  expect(api.warnings).toEqual(["serve GET /v1/status: x is undefined"]);
});

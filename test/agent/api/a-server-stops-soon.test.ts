import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";
import type { CniAnswer } from "#agent/api/cni.ts";
import { ApiFixture } from "./api-fixture.ts";

const status = JSON.stringify({
  plugin: "weir-cni",
  command: "STATUS",
  token: "0123456789abcdef",
  containerId: "",
  ifName: "",
  netns: "",
  args: {},
  config: {},
});

test("a caller that waits on a connection it keeps gets its answer, and the connection ends", async () => {
  const api = await ApiFixture.start();
  const socket = connect(api.socket);
  socket.setEncoding("utf8");
  socket.write("GET /v1/policies/wait?revision=99 HTTP/1.1\r\nHost: a\r\n\r\n");
  // The answer to a later caller tells that the first one's request has been read.
  await api.client.status();
  const answer = once(socket, "data");
  await api[Symbol.asyncDispose]();
  expect(String(await answer)).toMatch(/^HTTP\/1.1 503 /);
});

test("a call that acts is let finish", async () => {
  const reached = Promise.withResolvers<void>();
  const attached = Promise.withResolvers<CniAnswer>();
  const call = (): Promise<CniAnswer> => {
    reached.resolve();
    return attached.promise;
  };
  const api = await ApiFixture.start({ cni: { call } });
  const answer = api.request("POST", "/v1/cni", status);
  await reached.promise;
  const stopped = api[Symbol.asyncDispose]();
  attached.resolve({ output: null, exitCode: 0 });
  expect((await answer).status).toBe(200);
  await stopped;
});

test("one that never does is cut off", async () => {
  const reached = Promise.withResolvers<void>();
  const call = (): Promise<CniAnswer> => {
    reached.resolve();
    return new Promise(() => undefined);
  };
  const api = await ApiFixture.start({ cni: { call } }, { stop: 20 });
  const answer = api.request("POST", "/v1/cni", status).catch(() => "cut off");
  await reached.promise;
  await api[Symbol.asyncDispose]();
  expect(await answer).toBe("cut off");
});

import { once } from "node:events";
import { connect } from "node:net";
import { expect, test } from "vitest";
import type { EndpointView } from "#agent/api/views.ts";
import { ApiFixture } from "./api-fixture.ts";
import { fakePorts, web } from "./fake-ports.ts";

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
  const attached = Promise.withResolvers<EndpointView>();
  const { attachments } = fakePorts();
  const activate = (): Promise<EndpointView> => {
    reached.resolve();
    return attached.promise;
  };
  const api = await ApiFixture.start({ attachments: { ...attachments, activate } });
  const answer = api.request("POST", "/v1/attachments/12/activate", '{"ifindex":5}');
  await reached.promise;
  const stopped = api[Symbol.asyncDispose]();
  attached.resolve(web);
  expect((await answer).status).toBe(200);
  await stopped;
});

test("one that never does is cut off", async () => {
  const { attachments } = fakePorts();
  const reached = Promise.withResolvers<void>();
  const activate = (): Promise<EndpointView> => {
    reached.resolve();
    return new Promise(() => undefined);
  };
  const api = await ApiFixture.start({ attachments: { ...attachments, activate } }, { stop: 20 });
  const answer = api.request("POST", "/v1/attachments/12/activate", '{"ifindex":5}').catch(() => "cut off");
  await reached.promise;
  await api[Symbol.asyncDispose]();
  expect(await answer).toBe("cut off");
});

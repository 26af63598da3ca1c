import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { ApiFixture } from "./api-fixture.ts";

const body = JSON.stringify({
  plugin: "weir-cni",
  command: "STATUS",
  token: "0123456789abcdef",
  containerId: "",
  ifName: "",
  netns: "",
  args: {},
  config: {},
});

/** Another thread asks, as the container runtime's process would, while this one is busy. */
const asking = `
  const { parentPort, workerData: { path, body } } = require("node:worker_threads");
  setTimeout(() => {
    const request = require("node:http").request({ socketPath: path, method: "POST", path: "/v1/cni" }, (response) => {
      response.resume().on("end", () => parentPort.postMessage(response.statusCode));
    });
    request.on("error", (error) => parentPort.postMessage(error.message));
    request.end(body);
  }, 200);
`;

test("a call that came in time is answered, however long the agent was at other work", async () => {
  await using api = await ApiFixture.start({}, { headers: 500, request: 500, check: 20 });
  const worker = new Worker(asking, { eval: true, workerData: { path: `${api.runDir}/cni.sock`, body } });
  const answer = once(worker, "message");
  await once(worker, "online");
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  // One piece of work after the other: the call is accepted between two, and read later.
  for (let i = 0; i < 4; i++) {
    Atomics.wait(nothing, 0, 0, 800);
    await setImmediate();
  }
  expect(await answer).toEqual([200]);
});

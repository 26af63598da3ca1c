import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import type { BpfIpcacheEntry } from "#agent/api/bpf-views.ts";
import type { FlowLine } from "#agent/api/flow.ts";
import type { FlowPort } from "#agent/api/ports.ts";
import { until } from "#agent/local/until.ts";
import { ApiFixture } from "./api-fixture.ts";
import { fakePorts } from "./fake-ports.ts";
import { flow } from "./fake-views.ts";

/** More than all buffers between server and reader hold. */
const many = 4_000;

/** Flows without end; the ring goes past its reader when the test says so. */
class Torrent implements FlowPort {
  /** How often the server has asked. */
  looks = 0;
  goesOn = false;
  given = 0;
  ended = false;

  get counts(): { seen: number; capacity: number } {
    this.looks++;
    return { seen: this.given + (this.goesOn ? 70_000 : 0), capacity: 65_536 };
  }

  async *read(): AsyncGenerator<readonly FlowLine[]> {
    try {
      for (;;) {
        this.given += many;
        yield Array.from({ length: many }, () => flow);
      }
    } finally {
      this.ended = true;
    }
  }
}

/** Asks, and reads nothing before it is told to. */
function ask(api: ApiFixture, path: string): Socket {
  const socket = connect(api.socket);
  socket.on("error", () => undefined);
  socket.pause();
  socket.write(`GET ${path} HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n`);
  return socket;
}

async function readAll(socket: Socket): Promise<string> {
  let text = "";
  socket.setEncoding("utf8").on("data", (piece: string) => (text += piece));
  socket.resume();
  await once(socket, "close");
  return text;
}

test("a reader that takes nothing is waited for until it has missed something; the last line says how much", async () => {
  const flows = new Torrent();
  await using api = await ApiFixture.start({ flows }, { answer: 1_000 });
  const socket = ask(api, "/v1/flows?follow=true");
  await until("several looks at a reader that misses nothing", () => flows.looks > 3);
  expect([flows.ended, api.served]).toEqual([false, []]);
  const { given } = flows;
  flows.goesOn = true;
  await until("the end of the request", () => api.served.length > 0);
  // It has as much time again to take what is left.
  const text = await readAll(socket);
  expect([flows.ended, flows.given]).toEqual([true, given]);
  const last = text.split("\n").findLast((line) => line.startsWith("{")) ?? "";
  expect(JSON.parse(last)).toEqual({
    error: {
      code: "too-slow",
      message: expect.stringMatching(
        /^write answer: nothing was read for \d+ s, and there were 70000 events since, more than are kept; read faster, or ask for fewer by a filter$/,
      ) as string,
    },
  });
});

test("a client is told by an error, and not by the end of the stream", async () => {
  const flows = new Torrent();
  flows.goesOn = true;
  await using api = await ApiFixture.start(
    { flows: { counts: { seen: 0, capacity: -1 }, read: () => flows.read() } },
    { answer: 1_000 },
  );
  const reading = async (): Promise<void> => {
    let lines = 0;
    for await (const _ of api.client.flows({ follow: true })) {
      if (lines++ === 0) await until("the server to give up", () => api.served.length > 0);
    }
  };
  await expect(reading()).rejects.toMatchObject({ kind: "unavailable", code: "too-slow" });
});

test("one that does not even take that is cut off, and others are served all the time", async () => {
  const flows = new Torrent();
  flows.goesOn = true;
  await using api = await ApiFixture.start(
    { flows: { counts: { seen: 0, capacity: -1 }, read: () => flows.read() } },
    { answer: 20 },
  );
  const socket = ask(api, "/v1/flows?follow=true");
  let isCut = false;
  socket.on("close", () => (isCut = true));
  await until("the connection to be closed", async () => {
    expect((await api.client.status()).state).toBe("ok");
    if (!socket.destroyed) socket.write("\r\n");
    return isCut;
  });
});

test("an answer that nobody takes gives its place back", async () => {
  const entry: BpfIpcacheEntry = { prefix: "10.0.0.7/32", identity: 20_481, addressClass: 0 };
  const bpf = { ...fakePorts().bpf, ipcache: () => Array.from({ length: 200_000 }, () => entry) };
  await using api = await ApiFixture.start({ bpf }, { answer: 1_000, pools: { table: 1 } });
  const socket = ask(api, "/v1/bpf/ipcache");
  await until("the end of the request", () => api.served.length > 0);
  expect(api.served).toMatchObject([{ route: "/v1/bpf/ipcache", pool: "table" }]);
  expect(await readAll(socket)).not.toContain("]\n");
  expect(await api.client.bpf("ipcache")).toHaveLength(200_000);
});

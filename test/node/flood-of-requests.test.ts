import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { defaultPoolSizes } from "#agent/api/pools.ts";
import { agentSocket } from "#agent/api/run-dir-paths.ts";
import { floodOfRequests, Loris } from "#test/support/request-flood.ts";
import { useNode } from "#test/support/use-node.ts";

const node = useNode();
const mebibyte = 1 << 20;

/** Resident memory of the agent now, or at its most, in bytes. */
function memory(name: "VmRSS" | "VmHWM"): number {
  const status = readFileSync(`/proc/${node().agent.pid}/status`, "utf8");
  return Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024;
}

/** Of the routes that wait and stream as many stay open as their pools have places. */
const { wait = 0, stream = 0 } = defaultPoolSizes;

test.for<[path: string, socket: string, most: number]>([
  ["/v1/status", "agent.sock", 0],
  ["/v1/bpf/conntrack", "observe.sock", 0],
  ["/v1/policies/wait?revision=999999", "agent.sock", wait],
  ["/v1/flows?follow=true", "observe.sock", stream],
])(
  "10,000 times %s at once on %s: each is answered or refused, and the agent goes on",
  // Seconds, nearly all of them this process's; minutes where others use the machine.
  { timeout: 240_000 },
  async ([path, socket, most]) => {
    const before = memory("VmRSS");
    const outcome = await floodOfRequests(join(node().runDir, socket), 10_000, path, most);
    const ends = Object.values(outcome).reduce((sum, count) => sum + count, 0);
    expect([outcome, ends]).toEqual([outcome, 10_000]);
    // 408: this machine was so slow that the request did not come in time.
    for (const end of Object.keys(outcome)) expect(["200", "408", "503", "refused", "left"]).toContain(end);
    expect((await node().client.status()).state).toBe("ok");
    expect(memory("VmHWM") - before).toBeLessThan(256 * mebibyte);
  },
);

/** A process that does nothing else until it is killed. */
async function flooding(socket: string, path: string): Promise<AsyncDisposable> {
  const worker = join(import.meta.dirname, "../support/flood-worker.ts");
  const child = spawn(process.execPath, [worker, socket, "1000", path], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

test("pods are attached while several processes flood the agent, and one begins requests that never end", async () => {
  const socket = agentSocket(node().runDir);
  await using floods = new AsyncDisposableStack();
  for (const path of ["/v1/status", "/v1/policies/objects", "/v1/bpf/conntrack"])
    floods.use(await flooding(socket, path));
  const headers = "GET /v1/status HTTP/1.1\r\nHost: a\r\nX: ";
  const body = "POST /v1/policies HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{";
  floods.use(new Loris(socket, 400, [headers, body]));
  for (const name of ["one", "two", "three"]) {
    await using pod = await node().addPod({ name });
    expect(pod.ipv4).toMatch(/^10\.77\.0\./);
  }
});

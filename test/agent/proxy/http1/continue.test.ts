import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { httpEnd, useHttp1Proxy } from "#test/support/http1-proxy.ts";
import { useRecordingServer } from "#test/support/recording-server.ts";

const { server, port } = useRecordingServer();
const proxy = useHttp1Proxy(port);
const body = "x".repeat(100_000);

async function curl(...args: string[]): Promise<{ readonly code: string; readonly log: string }> {
  const { stdout, stderr } = await promisify(execFile)(
    "curl",
    ["-sv", "-o", "/dev/null", "-w", "%{http_code}", "--expect100-timeout", "20", ...args],
    { encoding: "latin1" },
  );
  return { code: stdout, log: stderr };
}

test("curl waits for the server's 100 before it sends a body", async () => {
  const { code, log } = await curl(
    "-H",
    "Expect: 100-continue",
    "--data-binary",
    body,
    `http://127.0.0.1:${proxy.port}/a`,
  );
  expect(code).toBe("200");
  expect(log).toContain("< HTTP/1.1 100 Continue");
  expect(server.seen.map(({ text }) => text)).toEqual([`POST /a ${body.length}`]);
});

test("a denial comes instead of 100, so that the body is never sent", async () => {
  proxy.ends = [httpEnd([{ method: "GET" }])];
  const { code, log } = await curl(
    "-H",
    "Expect: 100-continue",
    "--data-binary",
    body,
    `http://127.0.0.1:${proxy.port}/a`,
  );
  expect(code).toBe("403");
  expect(log).not.toContain("100 Continue");
  expect(server.seen).toEqual([]);
});

test("curl's chunks, HTTP/1.0 and HEAD are what they are without the proxy", async () => {
  const url = `http://127.0.0.1:${proxy.port}/a`;
  const chunked = await curl("-H", "Transfer-Encoding: chunked", "--data-binary", body, url);
  const old = await curl("--http1.0", url);
  const head = await curl("--head", url);
  expect([chunked.code, old.code, head.code]).toEqual(["200", "200", "200"]);
  expect(server.seen.map(({ text }) => text)).toEqual([`POST /a ${body.length}`, "GET /a 0", "HEAD /a 0"]);
});

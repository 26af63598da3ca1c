import { afterEach, expect, test, vi } from "vitest";
import { runProxy } from "#agent/proxy/main.ts";
import { proxyOptions } from "#agent/proxy/options.ts";

afterEach(() => vi.restoreAllMocks());

test("what is not said has a default", () => {
  const { workers, ...others } = proxyOptions(["--run-dir", "/run/other"]);
  expect(workers).toBeGreaterThan(0);
  expect(others).toEqual({
    runDir: "/run/other",
    bpffs: "/sys/fs/bpf",
    replace: false,
    connectionsPerClient: 4096,
    headTimeout: 30,
    idleTimeout: 3600,
    drainTime: 600,
  });
});

test.each([["--workers", "0"], ["--workers", "1.5"], ["--idle-timeout", "x"], ["--what"], ["word"]])(
  "bad usage ends with 2 and says what is wrong: %s %s",
  async (...argv) => {
    const said: string[] = [];
    vi.spyOn(process.stderr, "write").mockImplementation((text) => said.push(String(text)) > 0);
    expect(await runProxy(argv.filter((one) => one !== undefined))).toBe(2);
    expect(said.join("")).toMatch(/^weir proxy: /);
  },
);

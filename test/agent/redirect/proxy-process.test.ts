import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { spawn } from "node:child_process";
import { expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { proxySocket } from "#agent/proxy/messages.ts";
import { endProxies } from "#agent/redirect/end-proxies.ts";
import { proxyCommand } from "#agent/redirect/proxy-command.ts";
import { startProxy } from "#agent/redirect/proxy-process.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

test("why a proxy has ended is said with the place of its log, which has what it printed", async () => {
  using folder = new TemporaryFolder();
  const log = folder.join("proxy.log");
  const { ended } = startProxy(["sh", "-c", "echo no room >&2; exit 3"], log);
  expect((await ended).message).toBe(`start the proxy: it has ended with exit code 3; the end of ${log} says more`);
  expect(readFileSync(log, "utf8")).toBe("no room\n");
});

test("a program that cannot be run is a reason, too", async () => {
  using folder = new TemporaryFolder();
  const { ended } = startProxy([folder.join("nothing")], folder.join("proxy.log"));
  expect((await ended).message).toContain("ENOENT");
});

test("a long log is kept aside, and a new one begun", async () => {
  using folder = new TemporaryFolder();
  const log = folder.join("proxy.log");
  writeFileSync(log, "x".repeat(16 * 1024 * 1024 + 1));
  await startProxy(["echo", "begun"], log).ended;
  expect(readFileSync(log, "utf8")).toBe("begun\n");
  expect(existsSync(`${log}.1`)).toBe(true);
});

test("the proxy is the same program, with the folders of the agent", () => {
  const options = { runDir: "/run/weir", bpffs: "/sys/fs/bpf" };
  const words = ["proxy", "--run-dir", "/run/weir", "--bpffs", "/sys/fs/bpf"];
  expect(proxyCommand(options, false).slice(-5)).toEqual(words);
  expect(proxyCommand(options, true).slice(-6)).toEqual([...words, "--replace"]);
});

test("proxies of a run folder are ended, and their sockets removed; what only has the number of one is left alone", async () => {
  using folder = new TemporaryFolder();
  const listen =
    'require("node:net").createServer((s) => s.resume()).listen(`${process.argv[3]}/proxy-${process.pid}.sock`)';
  const options = ["proxy", "--run-dir", folder.path];
  const proxy = startProxy([process.execPath, "-e", listen, "--", ...options], folder.join("proxy.log"));
  const other = spawn("sleep", ["60"]);
  writeFileSync(folder.join(`proxy-${other.pid}.sock`), "");
  writeFileSync(proxySocket(folder.path), "");
  await until("its socket", () => existsSync(folder.join(`proxy-${proxy.pid}.sock`)));
  expect(await endProxies(folder.path)).toEqual([proxy.pid]);
  await proxy.ended;
  expect(readdirSync(folder.path)).toEqual(["proxy.log"]);
  expect(other.exitCode).toBeNull();
  other.kill();
  await once(other, "exit");
});

test("there is nothing to end where there is no run folder", async () => {
  using folder = new TemporaryFolder();
  expect(await endProxies(folder.join("gone"))).toEqual([]);
});

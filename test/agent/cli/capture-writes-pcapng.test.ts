import { readFileSync, statSync, symlinkSync } from "node:fs";
import { expect, test } from "vitest";
import type { Ports } from "#agent/api/ports.ts";
import { ApiError } from "#agent/api/errors.ts";
import { mustRun, runCommand } from "#agent/local/command.ts";
import { ApiFixture } from "#test/agent/api/api-fixture.ts";
import { captured } from "#test/agent/api/fake-captures.ts";
import { flow } from "#test/agent/api/fake-views.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { weir } from "./cli-fixture.ts";

const fields = [
  "frame.time_epoch",
  "frame.interface_name",
  "frame.cap_len",
  "frame.len",
  "tcp.dstport",
  "frame.packet_flags_direction",
  "frame.comment",
];

/** What Wireshark reads in a file, packet by packet. */
async function read(file: string): Promise<string[][]> {
  const text = await mustRun(["tshark", "-r", file, "-T", "fields", ...fields.flatMap((field) => ["-e", field])]);
  return text
    .trim()
    .split("\n")
    .map((line) => line.split("\t"));
}

const capture = (api: ApiFixture, file: string, ...args: string[]) =>
  weir(api.runDir, "capture", "--dropped", "-w", file, ...args);

test("Wireshark reads each dropped packet with its time, its interface and its reason", async () => {
  using folder = new TemporaryFolder();
  await using api = await ApiFixture.start();
  const file = folder.join("drops.pcapng");
  const { stderr, exitCode } = await capture(api, file, "--count", "2");
  expect([exitCode, stderr]).toEqual([
    0,
    "weir: 2 dropped packets captured, 3 more are missing: there were too many at once\n",
  ]);
  const why =
    "shop/web-1:40000 -> shop/db-0:5432  TCP  ingress: default deny by NetworkPolicy shop/db (db.yaml:3); " +
    "nearest: NetworkPolicy shop/db ingress[0] (db.yaml:9): port 5432 is not 5433  (POLICY_DENIED";
  expect(await read(file)).toEqual([
    ["1769860800.123456789", "weir3fa1", "54", "1514", "5432", "0x00000001", `${why})`],
    ["1769860800.123456789", "index 8", "54", "54", "5432", "0x00000002", `${why}, judge.h:166)`],
  ]);
  // Also what stands behind the last packet is well formed, and says how many are missing.
  expect(await runCommand(["capinfos", "-c", file])).toMatchObject({ code: 0, stderr: "" });
  expect(readFileSync(file).includes("3 dropped packets of all interfaces are missing")).toBe(true);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test("names in comments cannot command a terminal, and are cut between characters", async () => {
  const name = `\u001b[31m${"ü".repeat(5000)}`;
  const hostile = { ...flow, source: { ...flow.source, pod_name: name } };
  using folder = new TemporaryFolder();
  await using api = await ApiFixture.start({ captures: { read: () => captured(hostile) } });
  await capture(api, folder.join("drops.pcapng"), "--count", "1");
  const comment = (await read(folder.join("drops.pcapng")))[0]?.[6] ?? "";
  expect(comment).toMatch(/^shop\/\ufffd\[31mü+$/);
  expect(readFileSync(folder.join("drops.pcapng")).includes("\u001b")).toBe(false);
});

test("a file that is there, or a link to one, is left alone", async () => {
  using folder = new TemporaryFolder();
  await using api = await ApiFixture.start();
  symlinkSync(folder.join("elsewhere"), folder.join("link"));
  const { exitCode, stderr } = await capture(api, folder.join("link"));
  expect(exitCode).toBe(2);
  expect(stderr).toContain("is there already");
  expect(statSync(folder.join("elsewhere"), { throwIfNoEntry: false })).toBe(undefined);
});

test("only dropped packets are offered", async () => {
  await using api = await ApiFixture.start();
  const { exitCode, stderr } = await weir(api.runDir, "capture", "-w", "/nowhere/file");
  expect(exitCode).toBe(2);
  expect(stderr).toContain("only dropped packets are offered: say --dropped");
});

test("what the agent refuses leaves no file", async () => {
  const refuse: Ports["captures"]["read"] = () => {
    throw new ApiError("bad-request", { asked: "capture packets", obstacle: "NONSENSE is none of A, B" });
  };
  using folder = new TemporaryFolder();
  await using api = await ApiFixture.start({ captures: { read: refuse } });
  const { exitCode, stderr } = await capture(api, folder.join("drops"), "--reason", "nonsense");
  expect([exitCode, stderr]).toEqual([2, "weir capture: capture packets: NONSENSE is none of A, B\n"]);
  expect(statSync(folder.join("drops"), { throwIfNoEntry: false })).toBe(undefined);
});

test("an agent that stops is told of, and what was captured stays", async () => {
  using folder = new TemporaryFolder();
  await using api = await ApiFixture.start();
  const { exitCode, stderr } = await capture(api, folder.join("drops"));
  expect(exitCode).toBe(3);
  expect(stderr).toContain("the agent has stopped");
  expect(await read(folder.join("drops"))).toHaveLength(2);
});

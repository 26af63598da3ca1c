import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ApiFixture } from "#test/agent/api/api-fixture.ts";
import { fakePorts } from "#test/agent/api/fake-ports.ts";
import { status } from "#test/agent/api/fake-views.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { weir } from "./cli-fixture.ts";

const cases: readonly (readonly [string, number, string])[] = [
  ["status", 0, ""],
  ["--help", 0, ""],
  ["help endpoint", 0, ""],
  ["endpoint list --help", 0, ""],
  ["nonsense", 2, "unknown command 'nonsense'"],
  ["endpoint", 2, "Usage: weir endpoint"],
  ["endpoint get", 2, "missing required argument 'id'"],
  ["endpoint get twelve", 2, "It is neither a number of `weir endpoint list` nor host"],
  ["endpoint list --colour", 2, "unknown option '--colour'"],
  ["endpoint list -o xml", 2, "Allowed choices are table, json, yaml"],
  ["policy get web", 2, "It is not KIND/NAMESPACE/NAME"],
  ["policy eval --from a/b --to 10.0.0.1", 2, "--port is missing: TCP needs one"],
  ["policy eval --to 10.0.0.1 --port 80", 2, "required option '--from <pod|ip>' not specified"],
  ["policy eval --from a/b --to 10.0.0.1 --port 80 --protocol EGP", 2, "It is none of TCP, UDP, SCTP, ICMP, ICMPv6"],
  ["policy apply /no/such/file.yaml", 2, "weir policy apply: read /no/such/file.yaml: no such file"],
  ["observe --since yesterday", 2, "It is neither a duration"],
  ["observe --ip 10.0.0.0/24 --verdict maybe", 2, "It is none of FORWARDED, DROPPED, REDIRECTED, AUDIT, ERROR"],
  ["config set log-level info", 2, "set log-level: at the start"],
  ["config set enforcement", 2, "missing required argument 'value'"],
  ["config get colour", 4, "weir config get: there is no option colour; there are log-level, enforcement"],
  ["monitr --help", 2, "unknown command 'monitr'\n(Did you mean monitor?)"],
  ["endpoint get 13", 4, "weir endpoint get: find endpoint 13: there is none"],
  ["endpoint log 13", 4, "find endpoint 13"],
  ["endpoint labels 13", 4, "find endpoint 13"],
  ["endpoint regenerate 13", 4, "find endpoint 13"],
  ["endpoint get host", 4, "weir endpoint get: find a policy that selects the node itself: there is none"],
  ["identity get 99", 4, "find identity 99"],
  ["identity get app=none", 4, "no identity has the labels app=none"],
  ["policy get NetworkPolicy/shop/none", 4, "find object NetworkPolicy/shop/none"],
  ["policy delete NetworkPolicy/shop/none", 4, "find applied object NetworkPolicy/shop/none"],
  ["policy verify", 1, ""],
  ["policy verify twelve", 2, "It is neither a number of"],
  ["policy verify 13", 4, "verify endpoint 13: there is none"],
  ["policy wait 99 --timeout 1", 1, "revision 99 is not in force after 1 s"],
];

test.each(cases)("weir %s: %i", async (command, expected, message) => {
  await using api = await ApiFixture.start();
  const { exitCode, stderr } = await weir(api.runDir, ...command.split(" "));
  expect(stderr).toContain(message);
  expect(exitCode).toBe(expected);
});

test("an agent without a page: 1, and how to get one", async () => {
  await using api = await ApiFixture.start({ page: { link: () => null } });
  const { exitCode, stdout, stderr } = await weir(api.runDir, "ui");
  expect([exitCode, stdout]).toEqual([1, ""]);
  expect(stderr).toBe("weir ui: open page: this agent serves none; start it with --ui-address 127.0.0.1:9966\n");
});

test("no agent: 3, and what to do", async () => {
  using folder = new TemporaryFolder();
  const { exitCode, stdout, stderr } = await weir(folder.path, "endpoint", "list", "-o", "json");
  expect([exitCode, stdout]).toEqual([3, ""]);
  expect(stderr).toBe(
    `weir endpoint list: no agent listens on ${folder.path}/agent.sock\n  start it with \`weir agent\`, or name its folder with --run-dir\n`,
  );
});

test("a run folder may be named before or after the command", async () => {
  await using api = await ApiFixture.start();
  const before = await weir("/nowhere", "--run-dir", api.runDir, "status");
  const after = await weir("/nowhere", "status", "--run-dir", api.runDir);
  expect([before.exitCode, after.exitCode]).toEqual([0, 0]);
});

test("a degraded agent: its status all the same, and 5", async () => {
  const degraded = { ...status, state: "degraded", problems: ["file web.yaml is refused"] } as const;
  await using api = await ApiFixture.start({ status: { status: async () => degraded } });
  const { exitCode, stdout } = await weir(api.runDir, "status");
  expect(stdout).toContain("file web.yaml is refused");
  expect(exitCode).toBe(5);
});

test("an agent that fails inside: 1; one that is not ready: 1, and try again", async () => {
  const { policies } = fakePorts();
  const fail = (code: string) => () =>
    Promise.reject(Object.assign(new Error("apply: it broke"), { name: "EndpointError", code }));
  using folder = new TemporaryFolder();
  writeFileSync(folder.join("web.yaml"), "");
  for (const [code, remedy] of [
    ["broken", ""],
    ["not-ready", "try again"],
  ] as const) {
    await using api = await ApiFixture.start({ policies: { ...policies, apply: fail(code) } });
    const { exitCode, stderr } = await weir(api.runDir, "policy", "apply", folder.join("web.yaml"));
    expect(exitCode).toBe(1);
    expect(stderr).toContain("weir policy apply: apply: it broke");
    expect(stderr).toContain(remedy);
  }
});

test("a refused object: 2, every finding on a line of its own", async () => {
  await using api = await ApiFixture.start();
  using folder = new TemporaryFolder();
  const file = folder.join("bad.yaml");
  writeFileSync(file, "bad");
  const { exitCode, stdout, stderr } = await weir(api.runDir, "policy", "apply", file);
  expect([exitCode, stdout]).toEqual([2, ""]);
  expect(stderr).toBe(`weir policy apply: apply ${file}: one error\n${file}:3:5: spec: is missing\n`);
});

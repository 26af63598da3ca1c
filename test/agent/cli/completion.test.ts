import { Command } from "commander";
import { expect, test } from "vitest";
import { Cli, type Io } from "#agent/cli/cli.ts";
import { commands } from "#agent/cli/commands.ts";
import { completedNames } from "#agent/cli/complete-values.ts";
import { ApiFixture } from "#test/agent/api/api-fixture.ts";
import { fakePorts } from "#test/agent/api/fake-ports.ts";
import { web } from "#test/agent/api/fake-views.ts";
import { weir } from "./cli-fixture.ts";

async function completed(runDir: string, ...words: string[]): Promise<string[]> {
  const { exitCode, stdout, stderr } = await weir(runDir, "__complete", "--", ...words);
  expect([exitCode, stderr]).toEqual([0, ""]);
  return stdout.split("\n").slice(0, -1);
}

const nobody = "/nonexistent";

test("the first word is a command's name, with what it is about", async () => {
  const lines = await completed(nobody, "");
  expect(lines.map((line) => line.split("\t")[0])).toEqual([...commands.map(({ name }) => name), "agent", "help"]);
  expect(lines).toContain("endpoint\tthe pods of this node");
});

test.for<[string, string[]]>([
  ["help endp", ["endpoint"]],
  ["--run-dir /tmp endp", ["endpoint"]],
  ["status --out", ["--output"]],
  ["status --run", ["--run-dir"]],
  ["status -o ", ["table", "json", "yaml"]],
  ["status --output=y", ["--output=yaml"]],
  ["status --output = y", ["yaml"]],
  ["status --output =", ["table", "json", "yaml"]],
  ["completion ", ["bash", "zsh", "fish"]],
  ["completion bash ", []],
  ["observe --protocol icmp", []],
  ["observe --protocol ICMP", ["ICMP", "ICMPv4", "ICMPv6"]],
  ["connectivity test --group ti", ["tiers"]],
  ["agent --store-t", ["--store-token-file"]],
  ["agent --store-token-file ", []],
  ["nonsense ", []],
  ["nonsense", []],
  ["endpoint get ", []],
])("without an agent: %s", async ([line, expected]) => {
  const lines = await completed(nobody, ...line.split(" "));
  expect(lines.map((text) => text.split("\t")[0])).toEqual(expected);
});

test("what the agent knows is asked of the one whose folder the line names", async () => {
  await using api = await ApiFixture.start({});
  expect(await completed(nobody, "--run-dir", api.runDir, "endpoint", "get", "")).toEqual(["12\tshop/web-1"]);
  expect(await completed(api.runDir, "policy", "get", "")).toEqual(["NetworkPolicy/shop/web\tweb.yaml"]);
  expect(await completed(api.runDir, "policy", "delete", "")).toEqual([]);
  expect(await completed(api.runDir, "observe", "--from-endpoint", "")).toEqual(["12\tshop/web-1"]);
  expect(await completed(api.runDir, "bpf", "map", "dump", "")).toEqual(["conntrack4\t812 of 524288"]);
  expect(await completed(api.runDir, "config", "set", "")).toEqual(["enforcement\talways"]);
});

test("names that would command a terminal are left out, or told without", async () => {
  const list = () => [
    { ...web, pod: "\u001b[2Jcleared" },
    { ...web, pod: "tab\tin it" },
    { ...web, pod: "two\nlines" },
    { ...web, id: 77, pod: "about \u001b[2J" },
  ];
  await using api = await ApiFixture.start({ endpoints: { ...fakePorts().endpoints, list } });
  expect(await completed(api.runDir, "observe", "--pod", "")).toEqual([]);
  expect(await completed(api.runDir, "endpoint", "get", "7")).toEqual(["77\tshop/about \ufffd[2J"]);
});

test("an agent that does not answer is not waited for", async () => {
  const { promise, resolve } = Promise.withResolvers<never[]>();
  await using api = await ApiFixture.start({ config: { ...fakePorts().config, list: () => promise as never } });
  expect(await completed(api.runDir, "config", "get", "")).toEqual([]);
  resolve([]);
});

test("what has values of the agent's is there: an argument of a command, or an option of some", async () => {
  const program = new Command();
  for (const { load } of commands) (await load()).register(program, new Cli({ environment: {} } as Io));
  const names = new Set<string>();
  const visit = (command: Command, path: string): void => {
    for (const argument of command.registeredArguments) names.add(`${path} ${argument.name()}`.trim());
    for (const { long } of command.options) names.add(long ?? "").add(`${path} ${long}`);
    for (const next of command.commands) visit(next, `${path} ${next.name()}`.trim());
  };
  visit(program, "");
  expect(completedNames.filter((name) => !names.has(name))).toEqual([]);
});

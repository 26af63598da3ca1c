import { expect, test } from "vitest";
import { weir } from "./cli-fixture.ts";

interface Listed {
  readonly name: string;
  readonly group: string;
  readonly sends: string;
  readonly expected: string;
}

async function list(...args: string[]): Promise<Listed[]> {
  const { stdout } = await weir("/nonexistent", "connectivity", "test", "--list", "-o", "json", ...args);
  return JSON.parse(stdout) as Listed[];
}

test("there are many scenarios, each with a name of its own in its group", async () => {
  const all = await list();
  expect(all.length).toBeGreaterThanOrEqual(160);
  expect(new Set(all.map(({ group, name }) => `${group}: ${name}`)).size).toBe(all.length);
  expect(new Set(all.map(({ group }) => group))).toEqual(
    new Set([
      "no-policy",
      "default-deny-ingress",
      "default-deny-egress",
      "selectors",
      "blocks",
      "ports",
      "cilium",
      "tiers",
      "spoofing",
      "large",
      "changes",
      "masquerade",
      "modes",
    ]),
  );
});

test("--list tells what would be sent, and needs neither root nor an agent", async () => {
  expect(await list("--group", "spoofing", "--test", "IPv4.*node")).toEqual([
    {
      name: "other to server, UDP 53, IPv4, as from node",
      group: "spoofing",
      sends: "other to server, UDP 53, IPv4, as from node",
      expected: "dropped, INVALID_SOURCE_IP",
    },
  ]);
  const { stdout } = await weir("/nonexistent", "connectivity", "test", "--list", "--group", "modes");
  expect(stdout.split("\n")).toEqual([
    "GROUP  NAME                                                                  EXPECTED",
    "modes  client to server, TCP 80, IPv4, denied, but nothing is enforced       allowed, audit only",
    "modes  client to server, TCP 80, IPv4, without a policy, enforcement always  denied, no egress rule allows it",
    "",
  ]);
});

test.for([
  [["--group", "nothing"], "there is no group nothing; there are no-policy,"],
  [["--test", "no such scenario"], "no scenario is selected"],
  [["--test", "("], "It is not a regular expression"],
] as const)("%s selects nothing, and is a mistake", async ([args, message]) => {
  const { exitCode, stderr } = await weir("/nonexistent", "connectivity", "test", ...args);
  expect([exitCode, stderr]).toEqual([2, expect.stringContaining(message)]);
});

test("without an agent and without --local: no agent answers", async () => {
  const { exitCode, stderr } = await weir("/nonexistent", "connectivity", "test", "--group", "spoofing");
  expect([exitCode, stderr]).toEqual([3, expect.stringContaining("no agent listens on /nonexistent/agent.sock")]);
});

import { expect, test } from "vitest";
import { ApiFixture } from "#test/agent/api/api-fixture.ts";
import { deniedTrace } from "#test/agent/api/fake-trace.ts";
import { weir } from "./cli-fixture.ts";

const ask = ["trace", "--from", "shop/web-1", "--to", "shop/db-0:5432"];

test("a trace is told program by program, with rules and entries", async () => {
  await using api = await ApiFixture.start();
  const { stdout, exitCode } = await weir(api.runDir, ...ask);
  expect(exitCode).toBe(0);
  expect(stdout).toBe(`packet   TCP SYN  10.0.0.7:40000 -> 10.0.0.8:5432
verdict  deny      dropped by pod_egress at weir3fa1: no rule allows it
egress   allow     NetworkPolicy shop/web egress[0] (web.yaml:14)
ingress  deny      default deny by NetworkPolicy shop/db (db.yaml:3)
                   nearest: NetworkPolicy shop/db ingress[0] (db.yaml:9): port 5432 is not 5433

pod_egress at weir3fa1 (7): drops it  [program 77, tag 0123456789abcdef, returned 2]
  egress-policy   allow by slot 3
                  NetworkPolicy shop/web egress[0] (web.yaml:14)
                  policy slot=3 peer=20482: verdict=allow rule=9
                  policy slot=3 peer=0: nothing
  next            ends here
`);
});

test("a contradiction ends with 1, and an unclear question with 2", async () => {
  const differences = ["policy says allow for ingress, the programs deny"];
  await using api = await ApiFixture.start({ traces: { trace: async () => ({ ...deniedTrace, differences }) } });
  const { exitCode, stderr } = await weir(api.runDir, ...ask);
  expect(exitCode).toBe(1);
  expect(stderr).toContain(`contradict each other:\n${differences[0]}`);
  for (const bad of [
    ["--to", "shop/db-0"],
    ["--to", "fd00::1:80"],
    ["--protocol", "UDP", "--flags", "SYN"],
  ]) {
    expect((await weir(api.runDir, ...ask, ...bad)).exitCode).toBe(2);
  }
});

test("names cannot command the terminal", async () => {
  const outcome = "delivered to pod shop/\u001b[31mdb";
  await using api = await ApiFixture.start({ traces: { trace: async () => ({ ...deniedTrace, outcome }) } });
  expect((await weir(api.runDir, ...ask)).stdout).not.toContain("\u001b");
});

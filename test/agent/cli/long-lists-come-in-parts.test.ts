import { expect, test } from "vitest";
import type { BpfConnection } from "#agent/api/bpf-views.ts";
import { ApiFixture } from "#test/agent/api/api-fixture.ts";
import { fakePorts } from "#test/agent/api/fake-ports.ts";
import { connection } from "#test/agent/api/fake-views.ts";
import { weir } from "./cli-fixture.ts";

async function* some(total: number): AsyncGenerator<readonly BpfConnection[]> {
  for (let port = 0; port < total; port += 1000) {
    await Promise.resolve();
    yield Array.from({ length: 1000 }, (_, index) => ({ ...connection, sourcePort: port + index }));
  }
}

function start(total: number): Promise<ApiFixture> {
  const { bpf } = fakePorts();
  return ApiFixture.start({ bpf: { ...bpf, conntrack: () => some(total) } });
}

test("all connections are listed, however many: as one JSON list, and in one table with one title", async () => {
  const total = 25_000;
  await using api = await start(total);
  const json = await weir(api.runDir, "bpf", "ct", "list", "-o", "json");
  const ports = (JSON.parse(json.stdout) as BpfConnection[]).map(({ sourcePort }) => sourcePort);
  expect(ports).toEqual(Array.from({ length: total }, (_, port) => port));
  const table = await weir(api.runDir, "bpf", "ct", "list");
  const lines = table.stdout.split("\n").slice(0, -1);
  expect(lines).toHaveLength(total + 1);
  expect(lines.filter((line) => line.startsWith("PROTOCOL"))).toHaveLength(1);
});

test("YAML is one list, too, and so is none", async () => {
  const { parse } = await import("yaml");
  await using api = await start(3000);
  const { stdout } = await weir(api.runDir, "bpf", "ct", "list", "-o", "yaml");
  expect(parse(stdout)).toHaveLength(3000);
  await using empty = await start(0);
  for (const [format, text] of [
    ["json", "[]\n"],
    ["yaml", "[]\n"],
  ] as const) {
    expect((await weir(empty.runDir, "bpf", "ct", "list", "-o", format)).stdout).toBe(text);
  }
});

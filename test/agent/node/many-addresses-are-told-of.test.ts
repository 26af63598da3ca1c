import { expect, test } from "vitest";
import type { IpcacheState, IpcacheTable } from "#agent/datapath/kernel.ts";
import { toldIpcache } from "#agent/node/agent-events.ts";
import { AgentEvents } from "#agent/runtime/agent-events.ts";

/** As many as the kernel's table may have. */
const many = 512_000;

test("a table that is written and emptied at once is told of, however many addresses there are", () => {
  const written: number[] = [];
  const table: IpcacheTable = {
    capacity: many,
    read: () => [],
    write: (entries) => void written.push(entries.length),
    remove: (prefixes) => void written.push(-prefixes.length),
  };
  const told = toldIpcache(table, new AgentEvents(() => 0n));
  const entry: IpcacheState = { prefix: "10.0.0.1/32", identity: 2, addressClass: 0 };
  told.write(Array.from({ length: many }, () => entry));
  told.remove(Array.from({ length: many }, () => entry.prefix));
  expect(written).toEqual([many, -many]);
});

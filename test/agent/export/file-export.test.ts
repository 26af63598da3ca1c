import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { systemClocks } from "libbpf-ts";
import { beforeEach, expect, test } from "vitest";
import type { FlowLine } from "#agent/api/flow.ts";
import { exportSelection } from "#agent/export/export-filter.ts";
import { FileExport, type FileExportOptions } from "#agent/export/file-export.ts";
import { FlowReader } from "#agent/flows/reader.ts";
import { FlowRing } from "#agent/flows/ring.ts";
import { until } from "#agent/local/until.ts";
import { SystemClock } from "#agent/runtime/clock.ts";
import { addEvent, denial, event, FakeContext } from "#test/agent/flows/fixture.ts";
import { needs } from "#test/support/requirement.ts";
import { silentLog } from "#test/support/silent-log.ts";
import { sized } from "#test/support/size.ts";
import { SmallDisk } from "#test/support/small-disk.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

let folder: TemporaryFolder;
beforeEach(() => {
  folder = new TemporaryFolder();
  return () => folder[Symbol.dispose]();
});

/** An exporter that runs, and the ring that it reads. */
class Running implements AsyncDisposable {
  readonly ring: FlowRing;
  readonly exporter: FileExport;
  readonly #stop = new AbortController();
  readonly #done: Promise<void>;

  private constructor(exporter: FileExport, capacity: number) {
    const context = new FakeContext();
    this.ring = new FlowRing(context, capacity);
    this.exporter = exporter;
    this.#done = exporter.run(new FlowReader(this.ring, context), this.#stop.signal);
  }
  static async start(options: Partial<FileExportOptions> & { path: string }, capacity = 65_536): Promise<Running> {
    const selection = exportSelection("flow-log-filter", null, new FakeContext());
    const rest = { maxBytes: 1 << 20, kept: 1000, clock: new SystemClock(systemClocks), log: silentLog() };
    return new Running(await FileExport.open({ ...rest, selection, ...options }), capacity);
  }
  add(...ports: readonly number[]): void {
    for (const sourcePort of ports) addEvent(this.ring, event({ sourcePort }));
  }
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#done;
    await this.exporter[Symbol.asyncDispose]();
  }
}

/** What stands in `FILE`, `FILE.1` and so on, oldest first. */
function linesOf(path: string): FlowLine[] {
  const slash = path.lastIndexOf("/") + 1;
  const numberOf = (name: string): number => Number(name.slice(path.length - slash + 1) || 0);
  const names = readdirSync(path.slice(0, slash)).filter((name) => name.startsWith(path.slice(slash)));
  const texts = names
    .sort((a, b) => numberOf(b) - numberOf(a))
    .map((name) => readFileSync(path.slice(0, slash) + name, "utf8"));
  return texts.flatMap((text) => text.split("\n").slice(0, -1)).map((line) => JSON.parse(line) as FlowLine);
}

const portOf = (line: FlowLine): number => ("lost_events" in line ? -1 : (line.l4?.TCP?.source_port ?? 0));
/** The number of a flow since the agent started stands in its name. */
const sequenceOf = (line: FlowLine): number => ("uuid" in line ? Number.parseInt(line.uuid.slice(24), 16) : -1);
const lostIn = (lines: readonly FlowLine[]): number =>
  lines.reduce((sum, line) => sum + ("lost_events" in line ? Number(line.lost_events.num_events_lost) : 0), 0);

test("each flow is a line, those that match, as observe tells of it", async () => {
  const path = folder.join("flows.json");
  const selection = exportSelection("flow-log-filter", "verdict=DROPPED&port=7&port=8", new FakeContext());
  await using running = await Running.start({ path, selection });
  running.add(7);
  for (const sourcePort of [7, 8, 9]) addEvent(running.ring, denial({ sourcePort }));
  await until("two lines", () => running.exporter.counts.exported === 2);
  expect(linesOf(path)).toMatchObject([
    { verdict: "DROPPED", source: { pod_name: "web-1" }, weir: { nearest: { name: "db" } } },
    { verdict: "DROPPED" },
  ]);
  expect(linesOf(path).map(portOf)).toEqual([7, 8]);
});

test("rotation under load loses no line", async () => {
  const path = folder.join("flows.json");
  const count = sized({ short: 5_000, long: 400_000 });
  await using running = await Running.start({ path, maxBytes: 1 << 18 });
  for (let added = 0; added < count;) {
    for (const end = Math.min(added + 500, count); added < end; added++) running.add(added % 65_536);
    await until("room in the ring", () => added - running.exporter.counts.exported < 20_000);
  }
  await until("all lines", () => running.exporter.counts.exported === count);
  const lines = linesOf(path);
  expect(lines.map(sequenceOf)).toEqual(Array.from({ length: count }, (_, i) => i));
  expect(readdirSync(folder.path).length).toBeGreaterThan(10);
  expect(running.exporter.counts).toEqual({ exported: count, lost: 0 });
}, 300_000);

test("somebody else moves the file under load, and no line is lost", async () => {
  const path = folder.join("flows.json");
  await using running = await Running.start({ path });
  for (let moved = 0; moved < 20; moved++) {
    running.add(...Array.from({ length: 100 }, (_, i) => i));
    await until("some lines", () => running.exporter.counts.exported > 100 * moved);
    renameSync(path, folder.join(`flows.json.${100 - moved}`));
    running.add(1);
    await until("a new file", () => readdirSync(folder.path).includes("flows.json"));
  }
  await until("all lines", () => running.exporter.counts.exported === 20 * 101);
  expect(linesOf(path).map(sequenceOf)).toEqual(Array.from({ length: 20 * 101 }, (_, i) => i));
});

test("a full disk is a problem that goes away by itself; what the ring had no room for is counted in the file", async (context) => {
  needs("root")(context);
  using disk = new SmallDisk("256k");
  const path = disk.join("flows.json");
  writeFileSync(disk.join("fill"), Buffer.alloc(160 << 10));
  await using running = await Running.start({ path }, 64);
  for (let round = 0; running.exporter.problem === null; round++) {
    running.add(...Array.from({ length: 32 }, (_, i) => i));
    const written = running.exporter.counts.exported;
    await until("progress", () => running.exporter.problem !== null || running.exporter.counts.exported > written);
  }
  expect(running.exporter.problem).toMatch(/cannot be written to .*flows.json: ENOSPC/);
  running.add(...Array.from({ length: 1000 }, (_, i) => i));
  rmSync(disk.join("fill"));
  await until("it writes again", () => running.exporter.problem === null);
  running.add(65_000);
  await until("all that there was", () => {
    const { exported, lost } = running.exporter.counts;
    return exported + lost === running.ring.next;
  });
  const lines = linesOf(path);
  expect(lostIn(lines)).toBeGreaterThan(900);
  expect(portOf(lines.at(-1) as FlowLine)).toBe(65_000);
  expect(running.exporter.counts.lost).toBe(lostIn(lines));
  expect(lines.filter((line) => "uuid" in line)).toHaveLength(running.exporter.counts.exported);
});

test("an agent that stops writes what has come before", async () => {
  const path = folder.join("flows.json");
  const running = await Running.start({ path });
  running.add(1);
  await until("the first", () => running.exporter.counts.exported === 1);
  running.add(...Array.from({ length: 1000 }, (_, i) => i));
  await running[Symbol.asyncDispose]();
  expect(running.exporter.counts).toEqual({ exported: 1001, lost: 0 });
  expect(linesOf(path)).toHaveLength(1001);
});

test("an agent that stops while the disk is full does not wait for it", async (context) => {
  needs("root")(context);
  using disk = new SmallDisk("8k");
  const running = await Running.start({ path: disk.join("flows.json") });
  running.add(...Array.from({ length: 100 }, (_, i) => i));
  await until("a full disk", () => running.exporter.problem !== null);
  await running[Symbol.asyncDispose]();
  expect(running.exporter.counts).toMatchObject({ exported: 0, lost: 100 });
});

test.each([
  ["last=3", /last is no filter of an export/],
  ["verdict=MAYBE", /read --flow-log-filter: verdict/],
  ["colour=red", /colour/],
  ["ip=nowhere", /neither an address nor a CIDR/],
])("the filter %s is refused", (text, message) => {
  expect(() => exportSelection("flow-log-filter", text, new FakeContext())).toThrow(message);
});

test("a file in no folder is refused, with what to do", async () => {
  await expect(Running.start({ path: folder.join("none/flows.json") })).rejects.toThrow(
    /open .*none\/flows.json for flows: ENOENT.*; name a file in a folder that is there/,
  );
});

import { mkdirSync } from "node:fs";
import { BpfMap, MapHandle, MapType, u32 } from "libbpf-ts";
import { beforeEach, expect, test } from "vitest";
import { until } from "#agent/local/until.ts";
import { proxyState } from "#agent/datapath/layouts.gen.ts";
import { ProxyMap } from "#agent/proxy/proxy-map.ts";
import { BpfFileSystem } from "#test/support/bpf-file-system.ts";
import { needs } from "#test/support/requirement.ts";

beforeEach(needs("root"));

const ports = [1001, 1002, 1003, 1004] as const;

function pin(bpffs: BpfFileSystem): MapHandle {
  const map = MapHandle.create({ type: MapType.ARRAY, name: "proxy", keySize: 4, valueSize: 16, maxEntries: 1 });
  const path = bpffs.join("weir", "maps", "proxy");
  MapHandle.unpin(path);
  map.pin(path);
  return map;
}

test("the datapath is told where the proxy listens, again and again while it works, also after it has another map", async () => {
  using bpffs = new BpfFileSystem();
  mkdirSync(bpffs.join("weir", "maps"), { recursive: true });
  let isAlive = true;
  const failures: unknown[] = [];
  using told = new ProxyMap(bpffs.path, ports, { isAlive: () => isAlive, failed: (error) => failures.push(error) });
  using first = pin(bpffs);
  const state = (map: MapHandle) => new BpfMap(map, u32, proxyState).get(0);
  const alive = (map: MapHandle): bigint => state(map)?.alive ?? 0n;
  await until("the first word", () => alive(first) > 0n);
  expect(state(first)?.ports).toEqual(ports);
  const before = alive(first);
  await until("the next word", () => alive(first) > before);

  using second = pin(bpffs);
  await until("a word in the other map", () => alive(second) > 0n);
  isAlive = false;
  told.clear();
  expect(state(second)).toEqual({ alive: 0n, ports: [0, 0, 0, 0] });
  isAlive = true;
  await until("a word after that", () => alive(second) > 0n);
  expect(failures).toEqual([]);
});

test("a map of another shape is told of, and not written", async () => {
  using bpffs = new BpfFileSystem();
  mkdirSync(bpffs.join("weir", "maps"), { recursive: true });
  const failures: unknown[] = [];
  using map = MapHandle.create({ type: MapType.ARRAY, name: "proxy", keySize: 4, valueSize: 8, maxEntries: 1 });
  map.pin(bpffs.join("weir", "maps", "proxy"));
  using told = new ProxyMap(bpffs.path, ports, { isAlive: () => true, failed: (error) => failures.push(error) });
  expect(failures).toEqual([expect.objectContaining({ code: "wrong-size" })]);
  told[Symbol.dispose]();
});

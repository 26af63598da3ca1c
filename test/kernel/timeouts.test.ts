import { beforeEach, expect, test } from "vitest";
import { listed } from "#test/support/listed.ts";
import type { TcpFlag, Transport } from "#test/support/packet.ts";
import { needs } from "#test/support/requirement.ts";
import { TwoPods } from "#test/support/two-pods.ts";

beforeEach(needs("root"));

const seconds = 1_000_000_000n;
const config = {
  tcpSynTimeout: 100n * seconds,
  tcpEstablishedTimeout: 3000n * seconds,
  tcpCloseTimeout: 20n * seconds,
  otherTimeout: 500n * seconds,
};
const request = (...flags: TcpFlag[]): Transport => ({ kind: "tcp", sport: 40_000, dport: 80, flags });
const reply = (...flags: TcpFlag[]): Transport => ({ kind: "tcp", sport: 80, dport: 40_000, flags });

/** How much time the one connection has, to the nearest 10 s. */
async function remaining({ datapath: { kernel } }: TwoPods): Promise<bigint> {
  const [connection, ...others] = await listed(kernel.connections);
  expect(others).toEqual([]);
  const left = (connection?.entry.expires ?? 0n) - kernel.now();
  return ((left + 5n * seconds) / (10n * seconds)) * 10n;
}

test("a TCP connection has the time of its state", async () => {
  using pods = await TwoPods.with("", { config });
  pods.toServer(request("SYN"));
  expect(await remaining(pods)).toBe(100n);
  pods.toClient(reply("SYN", "ACK"));
  pods.toServer(request("ACK"));
  expect(await remaining(pods)).toBe(3000n);
  pods.toServer(request("RST"));
  expect(await remaining(pods)).toBe(20n);
});

test("any other connection has the time of its own", async () => {
  using pods = await TwoPods.with("", { config });
  pods.toServer({ kind: "udp", sport: 5000, dport: 53 });
  expect(await remaining(pods)).toBe(500n);
});

test("other values make other programs over the same maps", async () => {
  using pods = await TwoPods.with("", { config });
  pods.toServer(request("SYN"));
  const { kernel } = pods.datapath;
  using same = pods.datapath.reopen({ config });
  using other = pods.datapath.reopen({ config: { ...config, otherTimeout: 600n * seconds } });
  expect(same.programs).toBe(kernel.programs);
  expect(other.programs).not.toBe(kernel.programs);
  expect(await listed(other.connections)).toEqual(await listed(kernel.connections));
});

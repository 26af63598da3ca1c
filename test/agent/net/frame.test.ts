import { expect, test } from "vitest";
import { buildFrame, forwardFrame, type Segment } from "#agent/net/frame.ts";
import { wrongChecksums } from "#test/support/checksums.ts";

const macs = { sourceMac: "06:00:00:00:00:01", destinationMac: "02:00:00:00:00:02" };
const ports = { sourcePort: 40_000, destinationPort: 80 };
const ipv4 = { source: "10.0.0.3", destination: "10.0.0.2" };
const ipv6 = { source: "fd00::3", destination: "fd00::2" };

const segments: readonly (readonly [Segment, typeof ipv4, number])[] = [
  [{ protocol: "TCP", ...ports, flags: 2 }, ipv4, 54],
  [{ protocol: "TCP", ...ports, flags: 2 }, ipv6, 74],
  [{ protocol: "UDP", ...ports }, ipv4, 42],
  [{ protocol: "UDP", ...ports }, ipv6, 62],
  [{ protocol: "ICMP", type: 8, identifier: 7 }, ipv4, 42],
  [{ protocol: "ICMPv6", type: 128, identifier: 7 }, ipv6, 62],
];

test.each(segments)("a frame of $protocol has right checksums, also one hop on", (segment, ends, size) => {
  const frame = buildFrame({ ...macs, ...ends, segment });
  expect(frame).toHaveLength(size);
  expect(wrongChecksums(frame)).toEqual([]);
  const next = forwardFrame(frame, "06:00:00:00:00:05", "02:00:00:00:00:06");
  expect(next && wrongChecksums(next)).toEqual([]);
  expect(next && Buffer.from(next.subarray(0, 12)).toString("hex")).toBe("020000000006060000000005");
});

test("SCTP's checksum is the CRC32c of the packet without it", () => {
  // What Wireshark calls correct.
  const frame = buildFrame({ ...macs, ...ipv4, segment: { protocol: "SCTP", ...ports } });
  expect(Buffer.from(frame.subarray(34)).toString("hex")).toBe(
    "9c400050000000000711479401000014000000010000ffff0001000100000001",
  );
});

test("the last hop is the end", () => {
  const frame = buildFrame({ ...macs, ...ipv4, segment: { protocol: "UDP", ...ports } });
  frame[22] = 1;
  expect(forwardFrame(frame, macs.sourceMac, macs.destinationMac)).toBe(null);
});

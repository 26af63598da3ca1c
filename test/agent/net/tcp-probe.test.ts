import { expect, test } from "vitest";
import { tcpProbe } from "#agent/net/tcp-probe.ts";
import { ipv4Checksum, tcpChecksum } from "#test/support/packet.ts";

const macs = { sourceMac: "06:00:00:00:00:01", destinationMac: "02:00:00:00:00:02" };
const ports = { sourcePort: 80, destinationPort: 40_000 };

test.each([
  ["IPv4", "10.0.0.3", "10.0.0.2", 54],
  ["IPv6", "fd00::3", "fd00::2", 74],
])("a probe over %s is a bare acknowledgement with right checksums", (_, source, destination, size) => {
  const frame = tcpProbe({ ...macs, ...ports, source, destination });
  expect(frame).toHaveLength(size);
  const segment = Buffer.from(frame.subarray(size - 20));
  expect([segment.readUInt16BE(0), segment.readUInt16BE(2), segment[12], segment[13]]).toEqual([
    80, 40_000, 0x50, 0x10,
  ]);
  expect(tcpChecksum(frame)).toBe(0);
  if (size === 54) expect(ipv4Checksum(frame)).toBe(0);
});

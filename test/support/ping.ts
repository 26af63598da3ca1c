import { LabError } from "#agent/local/errors.ts";
import { until } from "#agent/local/until.ts";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { PacketSocket } from "./packet-socket.ts";
import { buildPacket, icmpv6Checksum } from "./packet.ts";

const echoRequest = { 4: 8, 6: 128 } as const;
const echoReply = { 4: 0, 6: 129 } as const;

function internetChecksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** MAC addresses of a pod's own device and of the node's end of its veth pair. */
export function macsOf(pod: LabPod): { own: string; host: string } {
  const [own, host] = [pod.ifName, pod.hostInterface].map(
    (name) => pod.result.interfaces.find((entry) => entry.name === name)?.mac ?? "",
  );
  return { own: own ?? "", host: host ?? "" };
}

/** Sends one ICMP echo request to an address and waits for its reply. @throws LabError `timed-out`. */
export async function ping(pod: LabPod, address: string, { within = 5000 } = {}): Promise<void> {
  const family = address.includes(":") ? 6 : 4;
  const { own, host } = macsOf(pod);
  const frame = buildPacket({
    sourceMac: own,
    destinationMac: host,
    source: family === 4 ? pod.ipv4 : pod.ipv6,
    destination: address,
    transport: { kind: "icmp", type: echoRequest[family], id: 0x7765 },
  });
  const start = family === 4 ? 34 : 54;
  const sum = family === 4 ? internetChecksum(frame.subarray(start)) : icmpv6Checksum(frame);
  frame[start + 2] = sum >> 8;
  frame[start + 3] = sum & 255;
  using socket = PacketSocket.open(pod.namespace, pod.ifName);
  socket.send(frame);
  const isReply = (bytes: Uint8Array) =>
    bytes[start] === echoReply[family] && bytes[start + 4] === 0x77 && bytes[start + 5] === 0x65;
  await until(`echo reply of ${address}`, () => socket.receive().some(isReply), { within, every: 5 });
}

/** Whether an address answers an echo request soon. */
export async function answersPing(pod: LabPod, address: string): Promise<boolean> {
  try {
    await ping(pod, address, { within: 400 });
    return true;
  } catch (error) {
    if (error instanceof LabError && error.code === "timed-out") return false;
    throw error;
  }
}

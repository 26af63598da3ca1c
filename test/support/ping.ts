import { LabError } from "#agent/local/errors.ts";
import { until } from "#agent/local/until.ts";
import type { LabPod } from "#agent/local/lab-pod.ts";
import { PacketSocket } from "./packet-socket.ts";
import { buildPacket, icmpv6Checksum } from "./packet.ts";

const echoTypes = { 4: { request: 8, reply: 0 }, 6: { request: 128, reply: 129 } } as const;
/** Bytes of a frame before the transport header, without options. */
const transportOffset = { 4: 34, 6: 54 } as const;

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

const pingId = 0x7765;

/** The frame of an ICMP echo request from a pod. */
export function echoRequest(pod: LabPod, address: string, id: number): Uint8Array {
  const family = address.includes(":") ? 6 : 4;
  const { own, host } = macsOf(pod);
  const frame = buildPacket({
    sourceMac: own,
    destinationMac: host,
    source: family === 4 ? pod.ipv4 : pod.ipv6,
    destination: address,
    transport: { kind: "icmp", type: echoTypes[family].request, id },
  });
  const start = transportOffset[family];
  const sum = family === 4 ? internetChecksum(frame.subarray(start)) : icmpv6Checksum(frame);
  frame[start + 2] = sum >> 8;
  frame[start + 3] = sum & 255;
  return frame;
}

/** Sends one ICMP echo request to an address and waits for its reply. @throws LabError `timed-out`. */
export async function ping(pod: LabPod, address: string, { within = 5000 } = {}): Promise<void> {
  const family = address.includes(":") ? 6 : 4;
  const start = transportOffset[family];
  using socket = PacketSocket.open(pod.namespace, pod.ifName);
  socket.send(echoRequest(pod, address, pingId));
  const isReply = (bytes: Uint8Array) =>
    bytes[start] === echoTypes[family].reply &&
    ((bytes[start + 4] as number) << 8) + (bytes[start + 5] as number) === pingId;
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

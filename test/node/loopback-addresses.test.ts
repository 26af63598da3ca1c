import { expect, test } from "vitest";
import { mustRunNow } from "#agent/local/command.ts";
import type { LabPod } from "#agent/local/lab-pod.ts";
import type { NetworkNamespace } from "#agent/local/network-namespace.ts";
import { until } from "#agent/local/until.ts";
import { hostPolicy } from "#test/support/object-text.ts";
import { Outside } from "#test/support/outside.ts";
import { PacketSocket } from "#test/support/packet-socket.ts";
import { buildPacket } from "#test/support/packet.ts";
import { macsOf } from "#test/support/ping.ts";
import { UdpInbox } from "#test/support/udp-inbox.ts";
import { prepare, useNode } from "#test/support/use-node.ts";

const node = useNode();
let outside: Outside;
let pod: LabPod;

const [local, last] = [80, 82];

prepare(async () => {
  outside = new Outside(node());
  pod = await node().addPod({ name: "pod" });
  await node().agent.stop();
  await node().startAgent({ args: ["--device", "outside"] });
  // As kube-proxy sets it: without it the kernel itself drops what comes for 127.0.0.0/8.
  mustRunNow(node().namespace.enter(["sysctl", "-qw", "net.ipv4.conf.all.route_localnet=1"]));
  const toPorts = [{ ports: [{ port: String(last), protocol: "UDP" }] }];
  await node().changeObjects("host.yaml", hostPolicy({ ingress: [{ fromEntities: ["all"], toPorts }] }));
});

function macOf(namespace: NetworkNamespace, device: string): string {
  const text = mustRunNow(namespace.enter(["ip", "-j", "link", "show", device]));
  const [{ address }] = JSON.parse(text) as [{ address: string }];
  return address;
}

/** Those of a datagram that comes by a device of the node, and by the node's end of a pod's. */
const senders = {
  "a machine on the link": () => ({
    namespace: outside.namespace,
    device: "node",
    sourceMac: macOf(outside.namespace, "node"),
    destinationMac: macOf(node().namespace, "outside"),
    source: outside.ipv4,
    host: outside.node4,
  }),
  "a pod": () => ({
    namespace: pod.namespace,
    device: pod.ifName,
    sourceMac: macsOf(pod).own,
    destinationMac: macsOf(pod).host,
    source: pod.ipv4,
    host: outside.node4,
  }),
};

test.for(["a machine on the link", "a pod"] as const)(
  "%s does not reach loopback addresses of the node",
  async (who) => {
    const { namespace, device, host, ...addresses } = senders[who]();
    await using inbox = await UdpInbox.open(node().namespace, local);
    await using end = await UdpInbox.open(node().namespace, last);
    using out = PacketSocket.open(namespace, device, { protocol: 0 });
    const datagram = (destination: string, dport: number): Uint8Array =>
      buildPacket({ ...addresses, destination, transport: { kind: "udp", sport: 5000, dport }, size: 32 });
    for (const destination of ["127.0.0.1", "127.1.2.3"]) out.send(datagram(destination, local));
    await until("the last datagram", () => {
      out.send(datagram(host, last));
      return end.take() > 0;
    });
    expect(inbox.take()).toBe(0);
  },
);

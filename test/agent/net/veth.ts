import { closeSync, openSync } from "node:fs";

import type { HostSideSpec } from "#agent/net/host-side.ts";
import { NetlinkSocket } from "#agent/net/netlink-socket.ts";
import { withNetns } from "#agent/net/netns.ts";
import { NetlinkConnection } from "#agent/netlink/connection.ts";
import { createVeth } from "#agent/netlink/link.ts";
import { NetworkNamespace } from "#test/support/network-namespace.ts";

/** A node and a pod with a veth between them, both sides down, as the CNI binary makes it. */
export class VethPair implements Disposable {
  readonly node = new NetworkNamespace("node");
  readonly pod = new NetworkNamespace("pod");
  readonly #socket: NetlinkSocket;
  /** Netlink of the node. */
  readonly connection: NetlinkConnection;
  readonly spec: HostSideSpec = {
    name: "weir0123456789a",
    mac: "02:00:00:00:00:01",
    podMac: "02:00:00:00:00:02",
    mtu: 1450,
    addresses: [
      { address: "10.88.0.7", gateway: "10.88.0.1" },
      { address: "fd88::7", gateway: "fd88::1" },
    ],
  };

  constructor() {
    this.#socket = withNetns(this.node.path, () => NetlinkSocket.open());
    this.connection = new NetlinkConnection(this.#socket);
    this.createVeth();
  }

  createVeth(): void {
    const { name, mac, podMac, mtu } = this.spec;
    const netnsFd = openSync(this.pod.path, "r");
    this.connection.execute(createVeth({ name, mac, mtu, peer: { name: "eth0", mac: podMac, netnsFd } }));
    closeSync(netnsFd);
  }

  /** Runs a function with this thread in the node's namespace. */
  onNode<T>(run: (connection: NetlinkConnection) => T): T {
    return withNetns(this.node.path, (() => run(this.connection)) as never) as T;
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
    this.node[Symbol.dispose]();
    this.pod[Symbol.dispose]();
  }
}

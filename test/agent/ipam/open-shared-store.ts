import { systemClocks } from "libbpf-ts";
import { ConsulBackend } from "#agent/store/consul.ts";
import { EtcdBackend } from "#agent/store/etcd.ts";
import type { ServerOptions } from "#agent/store/remote-options.ts";
import { RemoteStore } from "#agent/store/remote-store.ts";
import type { Store } from "#agent/store/store.ts";
import { SystemClock } from "#agent/runtime/clock.ts";
import { silentLog } from "#test/support/silent-log.ts";
import { SocketStore } from "./socket-store.ts";

export type StoreKind = "socket" | "etcd" | "consul";

/** The store that several processes share. @param address of the server, or path of the socket. */
export function openSharedStore(kind: StoreKind, address: string, node: string): Store {
  if (kind === "socket") return new SocketStore(address);
  const nothing = { ca: null, certificate: null, key: null, user: null, passwordFile: null, tokenFile: null };
  const server: ServerOptions = { addresses: [address], prefix: "ipam-test", node, lifetime: 60, ...nothing };
  const backend = kind === "etcd" ? new EtcdBackend(server) : new ConsulBackend(server);
  return new RemoteStore(backend, { server, clock: new SystemClock(systemClocks), log: silentLog() });
}

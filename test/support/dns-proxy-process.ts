/**
 * The DNS proxy as a process of its own in a network namespace, told by whoever has started it what the datapath and the
 * agent would say. It stands at port 53 of every address that is routed to it.
 */
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

import { errnoName, libc } from "#agent/net/libc.ts";
import { noCounts } from "#agent/proxy/child-messages.ts";
import { DnsGuard } from "#agent/proxy/dns/guard.ts";
import { SocketAddress } from "#agent/proxy/dns/socket-address.ts";
import { dnsTcpHandler } from "#agent/proxy/dns/tcp.ts";
import { UdpOutbox } from "#agent/proxy/dns/udp-outbox.ts";
import { type UdpCounts, UdpProxy } from "#agent/proxy/dns/udp-proxy.ts";
import type { ConnectionTuple } from "#agent/proxy/judgement.ts";
import type { Admission, DnsAnswer, DnsDenial, Names } from "#agent/proxy/names.ts";
import type { CurrentRules, ProxiedConnection } from "#agent/proxy/proxied-connection.ts";
import type { RequestRecord } from "#agent/proxy/request-record.ts";

/** What it is told. */
export type ToDnsProxy =
  | { readonly type: "rules"; readonly current: CurrentRules | null }
  /** Whether answers wait for `admit`, as they do for names that policy speaks of. */
  | { readonly type: "names"; readonly areHeld: boolean }
  | { readonly type: "admit"; readonly admission: Admission }
  | { readonly type: "denial"; readonly denial: DnsDenial }
  | { readonly type: "drain" }
  | { readonly type: "count" };

/** What it says. */
export type FromDnsProxy =
  | { readonly type: "ready" }
  | { readonly type: "drained" }
  | { readonly type: "record"; readonly record: RequestRecord }
  | { readonly type: "asked"; readonly answer: DnsAnswer }
  | { readonly type: "counts"; readonly counts: UdpCounts };

const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
const SOL_IP = 0;
const IP_TRANSPARENT = 19;
const IP_RECVORIGDSTADDR = 20;
const SOL_IPV6 = 41;
const IPV6_RECVORIGDSTADDR = 74;
const IPV6_V6ONLY = 26;
const IPV6_TRANSPARENT = 75;
const DNS_PORT = 53;

function listen(family: 4 | 6, kind: number): number {
  const fd = libc().socket(family === 4 ? 2 : 10, kind | 0o4000, 0);
  const [level, names] =
    family === 4
      ? [SOL_IP, [IP_TRANSPARENT, IP_RECVORIGDSTADDR]]
      : [SOL_IPV6, [IPV6_TRANSPARENT, IPV6_RECVORIGDSTADDR, IPV6_V6ONLY]];
  for (const name of names) libc().setOption(fd, level, name, 1);
  libc().setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, 4 * 1024 * 1024);
  const bound = libc().bind(fd, SocketAddress.of(family === 4 ? "0.0.0.0" : "::", DNS_PORT).structure);
  if (bound < 0) throw new Error(`bind to port ${DNS_PORT}: ${errnoName(bound)}`);
  return fd;
}

const limits = { headBytes: 0, headFields: 0, headTimeout: 10_000, idleTimeout: 30_000 };

/** The connection, with a server that is called by the proxy's own address. */
function proxied(client: Socket, rules: () => CurrentRules | null, tell: ProxiedConnection["tell"]): ProxiedConnection {
  const tuple: ConnectionTuple = {
    protocol: "TCP",
    sourceAddress: client.remoteAddress ?? "",
    sourcePort: client.remotePort ?? 0,
    destinationAddress: client.localAddress ?? "",
    destinationPort: client.localPort ?? 0,
  };
  const call = async (): Promise<Socket> => {
    const server = connect({ host: tuple.destinationAddress, port: tuple.destinationPort, allowHalfOpen: true });
    await once(server, "connect");
    return server.pause();
  };
  return { tuple, client, rules, connect: call, tell, draining: new AbortController().signal, limits };
}

function main(): void {
  let current: CurrentRules | null = null;
  let areHeld = false;
  let denial: DnsDenial = "refused";
  const held: ((admission: Admission) => void)[] = [];
  const say = (message: FromDnsProxy): void => void process.send?.(message);
  const patience = Number(process.argv[2]);
  const names: Names = {
    admit: (answer) => {
      say({ type: "asked", answer });
      return areHeld ? new Promise((resolve) => held.push(resolve)) : null;
    },
  };
  const tell = (record: RequestRecord): void => {
    say({ type: "record", record });
  };
  const counts = noCounts();
  const guard = new DnsGuard({ names, tell, denial: () => denial });
  const proxy = new UdpProxy({ guard, counts, patience, rules: () => current, outbox: new UdpOutbox() });
  proxy.listen([listen(4, SOCK_DGRAM), listen(6, SOCK_DGRAM)]);
  const serve = dnsTcpHandler({ names, denial: () => denial });
  for (const family of [4, 6] as const) {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    server.on("connection", (client) => void serve(proxied(client, () => current, tell)));
    server.listen({ fd: listen(family, SOCK_STREAM) });
  }
  process.on("message", (message: ToDnsProxy) => {
    if (message.type === "rules") current = message.current;
    else if (message.type === "names") areHeld = message.areHeld;
    else if (message.type === "denial") denial = message.denial;
    else if (message.type === "drain") void proxy.drain().then(() => say({ type: "drained" }));
    else if (message.type === "admit") for (const resolve of held.splice(0)) resolve(message.admission);
    else say({ type: "counts", counts });
  });
  process.on("disconnect", () => process.exit(0));
  say({ type: "ready" });
}

if (import.meta.main) main();

import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { beforeEach, expect, test } from "vitest";
import { ProxyMark } from "#agent/datapath/layouts.gen.ts";
import { libc } from "#agent/net/libc.ts";
import { withNetns } from "#agent/net/netns.ts";
import { boundPort, call, isTaken, listenerKinds, openListener } from "#agent/proxy/sockets.ts";
import { NetworkNamespace } from "#test/support/network-namespace.ts";
import { needs } from "#test/support/requirement.ts";

beforeEach(needs("root", "namespaces"));

/** A namespace that takes packets to and from any address for its own, as the routes to the proxy do. */
function openNamespace(): NetworkNamespace {
  const netns = new NetworkNamespace("proxy");
  netns.run("ip", "link", "set", "lo", "up");
  netns.run("ip", "route", "add", "local", "198.51.100.0/24", "dev", "lo");
  netns.run("ip", "-6", "route", "add", "local", "2001:db8::/64", "dev", "lo");
  return netns;
}

const families = [
  { family: 4, loopback: "127.0.0.1", client: "198.51.100.7" },
  { family: 6, loopback: "::1", client: "2001:db8::7" },
] as const;

async function listen(netns: NetworkNamespace, family: 4 | 6): Promise<{ server: Server; port: number }> {
  const fd = withNetns(netns.path, () => openListener({ protocol: "TCP", family }));
  const port = boundPort(fd ?? -1);
  const server = createServer({ allowHalfOpen: true }, (socket) => socket.on("error", () => {}));
  server.listen({ fd: fd ?? -1 });
  await once(server, "listening");
  return { server, port };
}

function option(fd: number, level: number, name: number): number {
  const value = new Int32Array(1);
  expect(libc().getOption(fd, level, name, new Uint8Array(value.buffer))).toBe(4);
  return value[0] ?? 0;
}

function close(...sockets: Socket[]): void {
  for (const socket of sockets) socket.destroy();
}

test.each(families)("a server sees the client's address and port: IPv$family", async ({ family, loopback, client }) => {
  using netns = openNamespace();
  const { server, port } = await listen(netns, family);
  const calling = withNetns(netns.path, () =>
    call({ source: client, sourcePort: 4321, destination: loopback, destinationPort: port }),
  );
  const [[accepted]] = (await Promise.all([once(server, "connection"), once(calling, "connect")])) as [
    [Socket],
    unknown,
  ];
  expect([accepted.remoteAddress, accepted.remotePort]).toEqual([client, 4321]);
  expect(calling.isPaused()).toBe(true);

  // The same once more is a connection that there is already; under another port it is a new one.
  const again = withNetns(netns.path, () =>
    call({ source: client, sourcePort: 4321, destination: loopback, destinationPort: port }),
  );
  const error: unknown = await once(again, "connect").catch((error: unknown) => error);
  expect(isTaken(error)).toBe(true);
  const other = withNetns(netns.path, () =>
    call({ source: client, sourcePort: 0, destination: loopback, destinationPort: port }),
  );
  const [[second]] = (await Promise.all([once(server, "connection"), once(other, "connect")])) as [[Socket], unknown];
  expect(second.remoteAddress).toBe(client);
  expect(second.remotePort).not.toBe(4321);
  close(accepted, calling, again, other, second);
  server.close();
});

test("what listens has the mark of the client's side and takes connections to any address", () => {
  for (const kind of listenerKinds) {
    const fd = openListener(kind) ?? -1;
    expect(option(fd, 1, 36)).toBe(ProxyMark.PROXY_TO_CLIENT);
    expect(option(fd, kind.family === 4 ? 0 : 41, kind.family === 4 ? 19 : 75)).toBe(1);
    expect(boundPort(fd)).toBeGreaterThan(0);
    libc().close(fd);
  }
});

test("datagrams come with the address that they were sent to", () => {
  for (const family of [4, 6] as const) {
    const fd = openListener({ protocol: "UDP", family }) ?? -1;
    expect(option(fd, family === 4 ? 0 : 41, family === 4 ? 20 : 74)).toBe(1);
    libc().close(fd);
  }
});

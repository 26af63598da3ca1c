import { readdirSync } from "node:fs";
import { beforeEach, expect, test } from "vitest";

import { NetlinkSocket } from "#agent/net/netlink-socket.ts";
import { NetlinkConnection } from "#agent/netlink/connection.ts";
import { deleteLink, getLinks, parseLink } from "#agent/netlink/link.ts";
import { needs } from "#test/support/requirement.ts";

import { VethPair } from "./veth.ts";

beforeEach(needs("root", "namespaces"));

test("an errno of the real kernel arrives as a typed error", () => {
  using pair = new VethPair();
  const request = deleteLink({ name: "weir00000000000" });
  expect(() => pair.connection.execute(request)).toThrow(
    expect.objectContaining({
      code: "kernel",
      errno: 19,
      message: "delete link weir00000000000: ENODEV: no such device",
    }),
  );
});

test("a dump of many links comes whole", () => {
  using pair = new VethPair();
  const commands = Array.from({ length: 60 }, (_, i) => `link add a${i} type veth peer name b${i}`);
  pair.node.run("sh", "-c", `printf '%s\\n' '${commands.join("' '")}' | ip -batch -`);
  const names = pair.connection.dump(getLinks(), parseLink).map(({ name }) => name);
  expect(names).toHaveLength(122);
});

test("a socket that is disposed of leaves no descriptor", () => {
  const count = () => readdirSync("/proc/self/fd").length;
  const before = count();
  {
    using socket = NetlinkSocket.open();
    new NetlinkConnection(socket).dump(getLinks(), parseLink);
    expect(count()).toBe(before + 1);
  }
  expect(count()).toBe(before);
});

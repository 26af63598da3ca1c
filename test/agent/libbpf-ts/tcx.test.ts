import { beforeEach, expect, test } from "vitest";
import { queryTcx, TcxLink } from "libbpf-ts";
import { BpfFileSystem } from "#test/support/bpf-file-system.ts";
import { needs } from "#test/support/requirement.ts";
import { askUdp, stepUntil, UdpEcho } from "#test/support/udp-echo.ts";
import { VethPair } from "#test/support/veth-pair.ts";
import { Action, HookObject } from "./hook-object.ts";

beforeEach(needs("root", "namespaces", "tcx"));

test("a link stands on its hook until it is let go of", () => {
  using veth = new VethPair();
  using object = new HookObject();
  const link = veth.in(() => TcxLink.attachFirst(object.inward, veth.ifindex, "ingress"));
  expect(veth.in(() => queryTcx(veth.ifindex, "ingress"))).toEqual([
    { programId: object.inward.info.id, linkId: link.info.id },
  ]);
  expect(link.info).toMatchObject({ programId: object.inward.info.id, ifindex: veth.ifindex });
  expect(veth.in(() => queryTcx(veth.ifindex, "egress"))).toEqual([]);
  link[Symbol.dispose]();
  expect(veth.in(() => queryTcx(veth.ifindex, "ingress"))).toEqual([]);
});

test("the latest link stands first", () => {
  using veth = new VethPair();
  using object = new HookObject();
  using older = veth.in(() => TcxLink.attachFirst(object.inward, veth.ifindex, "ingress"));
  using newer = veth.in(() => TcxLink.attachFirst(object.outward, veth.ifindex, "ingress"));
  const order = veth.in(() => queryTcx(veth.ifindex, "ingress"));
  expect(order.map(({ linkId }) => linkId)).toEqual([newer.info.id, older.info.id]);
});

test("a program is replaced under traffic without a lost packet, and each packet meets one of the two", async () => {
  using veth = new VethPair();
  using first = new HookObject();
  using second = new HookObject();
  await using _echo = await UdpEcho.start(veth.here, "10.9.0.1");
  using link = veth.in(() => TcxLink.attachFirst(first.inward, veth.ifindex, "ingress"));
  const count = 2000;
  const seen = (): bigint => first.packets("inward") + second.packets("inward");
  let swaps = 0;
  let before = 0n;
  const lost = await stepUntil(askUdp(veth.there, "10.9.0.1", count), () => {
    // Each program stands until it has seen a packet.
    if (seen() === before) return;
    before = seen();
    link.update(swaps++ % 2 === 0 ? second.inward : first.inward);
  });
  expect(lost).toBe(0);
  expect(swaps).toBeGreaterThan(10);
  expect(Number(first.packets("inward"))).toBeGreaterThan(0);
  expect(Number(second.packets("inward"))).toBeGreaterThan(0);
  expect(Number(seen())).toBeGreaterThanOrEqual(count);
});

test("a program that stops packets stops them", async () => {
  using veth = new VethPair();
  using object = new HookObject(Action.SHOT);
  await using _echo = await UdpEcho.start(veth.here, "10.9.0.1");
  using _link = veth.in(() => TcxLink.attachFirst(object.inward, veth.ifindex, "ingress"));
  expect(await askUdp(veth.there, "10.9.0.1", 1)).toBe(1);
  expect(Number(object.packets("inward"))).toBeGreaterThan(0);
});

test("a pinned link outlives its maker, is opened again, and knows when its device is gone", () => {
  using files = new BpfFileSystem();
  using veth = new VethPair();
  using object = new HookObject();
  const path = files.join("here0-ingress");
  {
    using link = veth.in(() => TcxLink.attachFirst(object.inward, veth.ifindex, "ingress"));
    link.pin(path);
  }
  using again = TcxLink.openPinned(path);
  expect(again.info).toMatchObject({ programId: object.inward.info.id, ifindex: veth.ifindex, attachType: 46 });
  again.update(object.outward);
  expect(veth.in(() => queryTcx(veth.ifindex, "ingress"))).toMatchObject([{ programId: object.outward.info.id }]);
  veth.here.run("ip", "link", "delete", "here0");
  expect(again.info.ifindex).toBe(0);
  TcxLink.unpin(path);
  expect(() => TcxLink.openPinned(path)).toThrow(expect.objectContaining({ code: "not-found" }));
});

test("a device that is not there is named in the error", () => {
  using veth = new VethPair();
  using object = new HookObject();
  const attach = () => veth.in(() => TcxLink.attachFirst(object.inward, 4711, "ingress"));
  expect(attach).toThrow(expect.objectContaining({ errno: "ENODEV", call: "bpf_link_create" }));
  expect(attach).toThrow(/program inward on ingress of interface 4711/);
});

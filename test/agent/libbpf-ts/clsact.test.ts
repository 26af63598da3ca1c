import { beforeEach, expect, test } from "vitest";
import { attachClsact, type ClsactPlace, detachClsact, queryClsact } from "libbpf-ts";
import { needs } from "#test/support/requirement.ts";
import { askUdp, stepUntil, UdpEcho } from "#test/support/udp-echo.ts";
import { VethPair } from "#test/support/veth-pair.ts";
import { Action, HookObject } from "./hook-object.ts";

beforeEach(needs("root", "namespaces"));

function place(veth: VethPair, direction: "ingress" | "egress" = "ingress"): ClsactPlace {
  return { ifindex: veth.ifindex, direction, handle: 0x5712, priority: 1 };
}

test("both directions hold a filter each; detaching one twice is no error", () => {
  using veth = new VethPair();
  using object = new HookObject();
  veth.in(() => {
    expect(queryClsact(place(veth))).toBeNull();
    detachClsact(place(veth));
    attachClsact(object.inward, place(veth));
    attachClsact(object.outward, place(veth, "egress"));
    expect(queryClsact(place(veth))).toBe(object.inward.info.id);
    expect(queryClsact(place(veth, "egress"))).toBe(object.outward.info.id);
    detachClsact(place(veth));
    detachClsact(place(veth));
    expect(queryClsact(place(veth))).toBeNull();
    expect(queryClsact(place(veth, "egress"))).toBe(object.outward.info.id);
  });
});

test("attaching again replaces the program under traffic, without a lost packet", async () => {
  using veth = new VethPair();
  using first = new HookObject();
  using second = new HookObject();
  await using _echo = await UdpEcho.start(veth.here, "10.9.0.1");
  veth.in(() => attachClsact(first.inward, place(veth)));
  const lost = await stepUntil(askUdp(veth.there, "10.9.0.1", 500), (turn) => {
    veth.in(() => attachClsact(turn % 2 === 0 ? second.inward : first.inward, place(veth)));
  });
  expect(lost).toBe(0);
  expect(Number(first.packets("inward") + second.packets("inward"))).toBeGreaterThanOrEqual(500);
});

test("a filter that stops packets stops them", async () => {
  using veth = new VethPair();
  using object = new HookObject(Action.SHOT);
  await using _echo = await UdpEcho.start(veth.here, "10.9.0.1");
  veth.in(() => attachClsact(object.inward, place(veth)));
  expect(await askUdp(veth.there, "10.9.0.1", 1)).toBe(1);
});

test("a device that is not there is named in the error, and has nothing to detach", () => {
  using veth = new VethPair();
  using object = new HookObject();
  const gone = { ...place(veth), ifindex: 4711 };
  expect(() => veth.in(() => attachClsact(object.inward, gone))).toThrow(/ingress of interface 4711/);
  veth.in(() => detachClsact(gone));
});

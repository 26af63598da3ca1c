import { existsSync, readdirSync } from "node:fs";
import { beforeEach, expect, test } from "vitest";
import { InterfaceHooks } from "bpf-loader";
import { attachClsact, queryClsact, queryTcx, TcxLink } from "libbpf-ts";
import { BpfFileSystem } from "#test/support/bpf-file-system.ts";
import { needs } from "#test/support/requirement.ts";
import { VethPair } from "#test/support/veth-pair.ts";
import { HookObject } from "../libbpf-ts/hook-object.ts";

beforeEach(needs("root", "namespaces", "tcx"));

const modes = [
  { mode: "tcx", tcx: true },
  { mode: "clsact", tcx: false },
] as const;

/** A node with one pod's veth, and hooks in one of the two ways. */
class Node implements Disposable {
  readonly files = new BpfFileSystem();
  readonly veth = new VethPair();
  readonly object = new HookObject();
  readonly tcx: boolean;

  constructor(tcx: boolean) {
    this.tcx = tcx;
  }

  hooks(object = this.object): InterfaceHooks {
    return new InterfaceHooks({
      linkFolder: this.files.join("weir/links"),
      programs: new Map([
        ["inward", object.inward],
        ["outward", object.outward],
      ]),
      spec: { ingress: "inward", egress: "outward" },
      tcx: this.tcx,
    });
  }

  attach(hooks = this.hooks()): void {
    this.veth.in(() => {
      hooks.attach(this.veth.ifindex, "here0");
      hooks.settleSync(this.veth.ifindex, "here0");
    });
  }

  check(hooks = this.hooks()): string[] {
    return this.veth.in(() => hooks.check(this.veth.ifindex, "here0"));
  }

  [Symbol.dispose](): void {
    this.files[Symbol.dispose]();
    this.veth[Symbol.dispose]();
    this.object[Symbol.dispose]();
  }
}

test.for(modes)("$mode: attach is idempotent, and what it did is found by the next life", ({ tcx }) => {
  using node = new Node(tcx);
  expect(node.check()).toEqual([
    "program inward is not attached to ingress of here0",
    "program outward is not attached to egress of here0",
  ]);
  node.attach();
  node.attach();
  node.attach(node.hooks());
  expect(node.check(node.hooks())).toEqual([]);
  expect(node.hooks().list()).toEqual(["here0"]);
});

test("filters judge until links are in their place, and leave then", () => {
  using node = new Node(true);
  const hooks = node.hooks();
  const { ifindex } = node.veth;
  const linked = (): number => node.veth.in(() => queryTcx(ifindex, "ingress")).length;
  node.veth.in(() => hooks.attach(ifindex, "here0"));
  expect([node.check(hooks), hooks.isSettled("here0"), linked()]).toEqual([[], false, 0]);
  node.veth.in(() => hooks.settleSync(ifindex, "here0"));
  expect([node.check(hooks), hooks.isSettled("here0"), linked()]).toEqual([[], true, 1]);
  const place = { ifindex, direction: "ingress", handle: 0x5712, priority: 1 } as const;
  expect(node.veth.in(() => queryClsact(place))).toBe(null);
});

test.for(modes)("$mode: attach puts new programs in the place of old ones", ({ tcx }) => {
  using node = new Node(tcx);
  node.attach();
  using newer = new HookObject();
  const hooks = node.hooks(newer);
  expect(node.check(hooks)).toHaveLength(2);
  node.attach(hooks);
  expect(node.check(hooks)).toEqual([]);
  if (tcx) expect(node.veth.in(() => queryTcx(node.veth.ifindex, "ingress"))).toHaveLength(1);
});

test.for(modes)("$mode: detach leaves nothing, twice", ({ tcx }) => {
  using node = new Node(tcx);
  const hooks = node.hooks();
  node.attach(hooks);
  node.veth.in(() => hooks.detach("here0", node.veth.ifindex));
  node.veth.in(() => hooks.detach("here0", node.veth.ifindex));
  expect(node.check(hooks)).toHaveLength(2);
  expect(hooks.list()).toEqual([]);
  expect(readdirSync(node.files.join("weir/links"))).toEqual([]);
});

test.for(modes)("$mode: a device that went away leaves its name free for another one", ({ tcx }) => {
  using node = new Node(tcx);
  const hooks = node.hooks();
  node.attach(hooks);
  node.veth.here.run("ip", "link", "delete", "here0");
  expect(hooks.list()).toEqual(["here0"]);
  using other = new VethPair();
  other.in(() => hooks.attach(other.ifindex, "here0"));
  other.in(() => hooks.settleSync(other.ifindex, "here0"));
  expect(other.in(() => hooks.check(other.ifindex, "here0"))).toEqual([]);
  other.in(() => hooks.detach("here0", null));
  expect(hooks.list()).toEqual([]);
});

test("a filter beside its link, left by a crash, goes at the next attach", () => {
  using node = new Node(true);
  node.attach();
  const place = { ifindex: node.veth.ifindex, direction: "ingress", handle: 0x5712, priority: 1 } as const;
  node.veth.in(() => attachClsact(node.object.inward, place));
  node.veth.in(() => node.hooks().attach(node.veth.ifindex, "here0"));
  expect(node.veth.in(() => queryClsact(place))).toBeNull();
  expect(node.check()).toEqual([]);
});

test("a program that stands before ours, and a link that is not pinned, are told", async () => {
  using node = new Node(true);
  node.attach();
  using other = node.veth.in(() => TcxLink.attachFirst(node.object.outward, node.veth.ifindex, "ingress"));
  expect(other.info.ifindex).toBe(node.veth.ifindex);
  expect(node.check()).toEqual(["1 other program(s) run before inward on ingress of here0"]);
  TcxLink.unpin(node.files.join("weir/links/here0-egress"));
  expect(existsSync(node.files.join("weir/links/here0-egress"))).toBe(false);
  // The kernel lets a link go a moment after its last pin.
  await expect.poll(() => node.check()).toContainEqual("program outward is not attached to egress of here0");
});

test("names with dots have pins as well", () => {
  using node = new Node(true);
  const hooks = node.hooks();
  node.veth.in(() => hooks.attach(node.veth.ifindex, "eth0.100"));
  node.veth.in(() => hooks.settleSync(node.veth.ifindex, "eth0.100"));
  expect(hooks.list()).toEqual(["eth0.100"]);
  node.veth.in(() => hooks.detach("eth0.100", node.veth.ifindex));
  expect(hooks.list()).toEqual([]);
});

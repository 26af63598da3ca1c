import { readlinkSync } from "node:fs";
import { beforeEach, expect, test } from "vitest";

import { netnsInode, withNetns } from "#agent/net/netns.ts";
import { needs } from "#test/support/requirement.ts";
import { NetworkNamespace } from "#test/support/network-namespace.ts";

beforeEach(needs("root", "namespaces"));

const here = () => readlinkSync("/proc/thread-self/ns/net");

test("the thread is in the namespace for the call, and back afterwards", () => {
  using netns = new NetworkNamespace();
  const home = here();
  expect(withNetns(netns.path, here)).toBe(`net:[${netnsInode(netns.path)}]`);
  expect(here()).toBe(home);
});

test("it is back after an error, too", () => {
  using netns = new NetworkNamespace();
  const home = here();
  expect(() =>
    withNetns(netns.path, (): void => {
      throw new Error("inside");
    }),
  ).toThrow("inside");
  expect(here()).toBe(home);
});

test.for(["/run/netns/weir-none", "/dev/null"])("%s is no namespace", (path) => {
  const home = here();
  expect(() => withNetns(path, here)).toThrow(expect.objectContaining({ code: "netns" }));
  expect(here()).toBe(home);
});

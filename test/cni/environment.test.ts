import { describe, expect, test } from "vitest";

import { parseArguments } from "#cni/arguments.ts";
import { parseCommand, parseEnvironment } from "#cni/environment.ts";

const good = { CNI_CONTAINERID: "c1", CNI_NETNS: "/run/netns/a", CNI_IFNAME: "eth0" };

/** The error's code and message, or undefined. */
function complaint(outcome: ReturnType<typeof parseEnvironment>): string | undefined {
  return outcome.ok ? undefined : `${outcome.error.code} ${outcome.error.message}`;
}

describe("cni-29 cni-35 cni-47 each command's variables", () => {
  const needs = {
    ADD: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
    DEL: ["CNI_CONTAINERID", "CNI_IFNAME"],
    CHECK: ["CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME"],
    STATUS: [],
  } as const;
  test.for(Object.keys(needs) as (keyof typeof needs)[])("%s", (command) => {
    expect(parseCommand({ CNI_COMMAND: command })).toEqual({ ok: true, value: command });
    expect(parseEnvironment(command, good)).toMatchObject({ ok: true });
    const expected =
      needs[command].length === 0
        ? undefined
        : `4 required environment variables are missing: ${needs[command].join(", ")}`;
    expect(complaint(parseEnvironment(command, {}))).toBe(expected);
  });
});

test.for(["", "add", "ADD ", "toString"])("%j is no command", (given) => {
  expect(parseCommand({ CNI_COMMAND: given })).toMatchObject({ ok: false, error: { code: 4 } });
});

test.for(["a", "A9", "0", "a_b.c-d", "x".repeat(253)])("cni-18 %j is a container id", (id) => {
  expect(complaint(parseEnvironment("ADD", { ...good, CNI_CONTAINERID: id }))).toBeUndefined();
});

test.for(["_a", "-a", ".a", "a/b", "a b", "a\n", "ä", "x".repeat(254)])("cni-18 %j is no container id", (id) => {
  expect(complaint(parseEnvironment("ADD", { ...good, CNI_CONTAINERID: id }))).toContain("4 invalid environment");
});

test.for(["eth0", "a", "net-1_2.3@4", "123456789012345"])("cni-19 %j is a name of an interface", (name) => {
  expect(complaint(parseEnvironment("ADD", { ...good, CNI_IFNAME: name }))).toBeUndefined();
});

test.for(["1234567890123456", "ääääääää", ".", "..", "a/b", "a:b", "a b", "a\tb", "a\0b"])(
  "cni-19 %j is no name of an interface",
  (name) => {
    expect(complaint(parseEnvironment("ADD", { ...good, CNI_IFNAME: name }))).toContain("CNI_IFNAME");
  },
);

test("cni-94 all that is wrong is told at once", () => {
  const outcome = parseEnvironment("ADD", { CNI_CONTAINERID: "/", CNI_NETNS: "x", CNI_IFNAME: "..", CNI_ARGS: "a" });
  expect(complaint(outcome)).toMatch(/CNI_CONTAINERID.*CNI_IFNAME.*CNI_NETNS.*CNI_ARGS/);
});

test.for([
  ["", {}],
  ["IgnoreUnknown=1", {}],
  ["IgnoreUnknown=true;Foo=a=b;K8S_POD_NAME=web-1", { Foo: "a=b", K8S_POD_NAME: "web-1" }],
  ["K8S_POD_NAMESPACE=shop;K8S_POD_UID=;", { K8S_POD_NAMESPACE: "shop", K8S_POD_UID: "" }],
] as const)("cni-20 CNI_ARGS %j", ([text, value]) => {
  expect(parseArguments(text)).toEqual({ ok: true, value });
});

test.for([
  ["Foo=1", "CNI_ARGS has unknown keys: Foo"],
  ["IgnoreUnknown=0;Foo=1;Bar=2", "CNI_ARGS has unknown keys: Foo, Bar"],
  ["K8S_POD_NAME", 'CNI_ARGS "K8S_POD_NAME" is not KEY=VALUE'],
  ["=x", 'CNI_ARGS "=x" is not KEY=VALUE'],
  ["IgnoreUnknown=maybe", 'CNI_ARGS IgnoreUnknown="maybe" is neither true nor false'],
  ["__proto__=x", "CNI_ARGS has unknown keys: __proto__"],
] as const)("cni-20 CNI_ARGS %j is refused", ([text, error]) => {
  expect(parseArguments(text)).toEqual({ ok: false, error });
});

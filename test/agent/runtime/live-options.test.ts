import { readdirSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type LoadedConfig, loadConfig } from "#agent/runtime/config.ts";
import { ConfigError, LiveOptions } from "#agent/runtime/live-options.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

let folder: TemporaryFolder;
beforeEach(() => void (folder = new TemporaryFolder()));
afterEach(() => folder[Symbol.dispose]());

/** As an agent that is started in this state folder finds them. */
function start(flags: Record<string, string | boolean> = {}): LiveOptions {
  const loaded = loadConfig({ flags, environment: { WEIR_CIDR_MATCHES_PODS: "true" } });
  return new LiveOptions(folder.path, loaded as unknown as LoadedConfig);
}

const stateOf = (live: LiveOptions, wanted: string) => live.list().find(({ name }) => name === wanted);

/** The code of what a call throws. */
function codeOf(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    if (error instanceof ConfigError) return error.code;
    throw error;
  }
  return undefined;
}

test("what is set live goes before flag and environment, over restarts, until it is taken back", () => {
  const first = start({ enforcement: "always" });
  const podCidr = ["10.0.0.0/24"];
  expect(first.values).toEqual({ enforcement: "always", cidrMatchesPods: true, audit: false, podCidr });
  first.keep({
    enforcement: "never",
    "cidr-matches-pods": "false",
    audit: "true",
    "pod-cidr": "10.1.0.0/24,fd00::/64",
  });
  const ranges = ["10.1.0.0/24", "fd00::/64"];
  expect(first.values).toEqual({ enforcement: "never", cidrMatchesPods: false, audit: true, podCidr: ranges });

  const second = start({ enforcement: "always" });
  expect(second.values).toEqual(first.values);
  expect(stateOf(second, "enforcement")).toEqual({
    name: "enforcement",
    value: "never",
    origin: "live",
    isLive: true,
    start: { text: "always", origin: "flag" },
  });
  second.keep({ enforcement: null });
  expect(stateOf(second, "enforcement")).toMatchObject({ value: "always", origin: "flag", start: null });
  second.keep({ audit: null, "cidr-matches-pods": null, "pod-cidr": null });
  expect(start().values).toEqual({ enforcement: "default", cidrMatchesPods: true, audit: false, podCidr });
  expect(readdirSync(folder.path)).toEqual([]);
});

test("what is kept can be taken back at once", () => {
  const live = start();
  live.keep({ audit: "true" });
  live.keep({ audit: "false", enforcement: "always" })();
  expect(start().values).toMatchObject({ enforcement: "default", cidrMatchesPods: true, audit: true });
});

test("every option is listed, with where it was said", () => {
  const live = start({ logLevel: "debug" });
  expect(stateOf(live, "log-level")).toEqual({
    name: "log-level",
    value: "debug",
    origin: "flag",
    isLive: false,
    start: null,
  });
  expect(stateOf(live, "cidr-matches-pods")).toMatchObject({ value: "true", origin: "WEIR_CIDR_MATCHES_PODS" });
  expect(stateOf(live, "objects")).toMatchObject({ value: null, origin: null });
  const settable = live.list().filter(({ isLive }) => isLive);
  expect(settable.map(({ name }) => name)).toEqual(["pod-cidr", "enforcement", "cidr-matches-pods", "audit"]);
});

test.each([
  [{ colour: "red" }, "unknown-option"],
  [{ "log-level": "debug" }, "start-only"],
  [{ enforcement: "sometimes" }, "bad-value"],
  [{ enforcement: "always", audit: "maybe" }, "bad-value"],
  [{ "run-dir": null }, "start-only"],
  [JSON.parse('{"__proto__": "x"}') as Record<string, string>, "unknown-option"],
] as const)("%j is refused, and nothing of it is kept", (changes, code) => {
  const live = start();
  expect(codeOf(() => live.keep(changes))).toBe(code);
  expect(live.values).toEqual(start().values);
  expect(readdirSync(folder.path)).toEqual([]);
});

test.each(["", "{", "[]", '{"enforcement": 1}', '{"enforcement": "sometimes"}', '{"colour": "red"}'])(
  "a file that holds %j keeps the agent from starting: what was set may have been stricter",
  (text) => {
    writeFileSync(folder.join("live-options.json"), text);
    expect(codeOf(start)).toBe("unreadable");
  },
);

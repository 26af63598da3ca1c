import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type AgentConfig, type ConfigSources, loadConfig } from "#agent/runtime/config.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

function load(sources: Partial<ConfigSources>): AgentConfig {
  const result = loadConfig({ flags: {}, environment: {}, ...sources });
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.config;
}

test("a flag stands before the environment, and that before the file", () => {
  using folder = new TemporaryFolder();
  const file = folder.join("weir.yaml");
  writeFileSync(file, "run-dir: /from-file\nstate-dir: /from-file\nbpffs: /from-file\n");
  const config = load({
    flags: { config: file, runDir: "/from-flag" },
    environment: { WEIR_RUN_DIR: "/from-environment", WEIR_STATE_DIR: "/from-environment" },
  });
  expect(config).toMatchObject({ runDir: "/from-flag", stateDir: "/from-environment", bpffs: "/from-file" });
});

test("the file can be named in the environment, and may hold numbers, booleans and lists", () => {
  using folder = new TemporaryFolder();
  const file = folder.join("weir.yaml");
  writeFileSync(file, "conntrack4-entries: 4096\nmasquerade: false\npod-cidr: [10.1.0.0/16, 'fd00::/64']\nobjects:\n");
  expect(load({ environment: { WEIR_CONFIG: file } })).toMatchObject({
    conntrack4Entries: 4096,
    masquerade: false,
    podCidr: ["10.1.0.0/16", "fd00::/64"],
    objects: null,
  });
});

test("pools are said after one another, in a list of the file or in one text", () => {
  using folder = new TemporaryFolder();
  const file = folder.join("weir.yaml");
  writeFileSync(file, "pool:\n  - blue=10.1.0.0/24,fd01::/64\n  - green=10.2.0.0/24\n");
  const pool = [
    { name: "blue", cidrs: ["10.1.0.0/24", "fd01::/64"] },
    { name: "green", cidrs: ["10.2.0.0/24"] },
  ];
  expect(load({ flags: { config: file } }).pool).toEqual(pool);
  expect(load({ environment: { WEIR_POOL: "blue=10.1.0.0/24,fd01::/64,green=10.2.0.0/24" } }).pool).toEqual(pool);
});

test("blocks of a cluster's ranges are of the usual sizes where nothing is said", () => {
  expect(load({})).toMatchObject({ clusterPoolCidr: ["10.0.0.0/8"], clusterPoolMask: { ipv4: 24, ipv6: 120 } });
  expect(load({ flags: { clusterPoolMask: "26,122" } }).clusterPoolMask).toEqual({ ipv4: 26, ipv6: 122 });
});

test("a key of the file may be written as one word, but not twice", () => {
  using folder = new TemporaryFolder();
  const file = folder.join("weir.yaml");
  writeFileSync(file, "terminateOnDeny: true\nrun-dir: /run/other\n");
  expect(load({ flags: { config: file } })).toMatchObject({ terminateOnDeny: true, runDir: "/run/other" });
  writeFileSync(file, "terminateOnDeny: true\nterminate-on-deny: false\n");
  const twice = loadConfig({ flags: { config: file }, environment: {} });
  expect(twice.ok ? [] : twice.problems).toEqual([
    { option: "--terminate-on-deny", origin: `${file}:2:20`, message: "it is said twice" },
  ]);
});

test("an empty environment variable counts as not set, an unknown one as not there", () => {
  const environment = { WEIR_OBJECTS: "", WEIR_SERVICE_HOST: "10.96.0.1" };
  expect(load({ environment }).objects).toBeNull();
});

test("folders become absolute", () => {
  expect(load({ flags: { runDir: "run" } }).runDir).toBe(`${process.cwd()}/run`);
});

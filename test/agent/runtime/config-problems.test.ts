import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type ConfigSources, describeProblem, loadConfig } from "#agent/runtime/config.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

function problems(sources: Partial<ConfigSources>): string[] {
  const result = loadConfig({ flags: {}, environment: {}, ...sources });
  return result.ok ? [] : result.problems.map(describeProblem);
}

test("every problem names its option and where it was said", () => {
  using folder = new TemporaryFolder();
  const file = folder.join("weir.yaml");
  writeFileSync(file, "log-level: info\nlog-format: xml\n");
  const found = problems({
    flags: { config: file, podCidr: "10.0.0.0/33" },
    environment: { WEIR_CONNTRACK4_ENTRIES: "many" },
  });
  expect(found).toEqual([
    '--pod-cidr (flag): "10.0.0.0/33" does not fit: the range 10.0.0.0/33 has to be from /8 to /30',
    '--conntrack4-entries (WEIR_CONNTRACK4_ENTRIES): "many" does not fit: a whole number from 1024 to 16777216 is wanted',
    `--log-format (${file}:2:13): "xml" does not fit: one of json, pretty, auto is wanted`,
  ]);
});

test.each([
  ["store", "kubernetes"],
  ["routing", "overlay"],
])("what is not built is refused by name: %s %s", (flag, value) => {
  const [problem] = problems({ flags: { [flag]: value } });
  expect(problem).toContain(`${flag} ${value} is not available in this version`);
});

test("an option that means nothing without others names them", () => {
  const flags = { hubbleAddress: "[2001:db8::7]:4244", hubbleCert: "/a.crt" };
  expect(problems({ flags })).toEqual([
    "--hubble-address (flag): it needs --hubble-key, too",
    "--hubble-address (flag): it needs --hubble-ca, too",
  ]);
  expect(problems({ flags, environment: { WEIR_HUBBLE_KEY: "/a.key", WEIR_HUBBLE_CA: "/ca.crt" } })).toEqual([]);
  const [alone] = problems({ environment: { WEIR_HUBBLE_KEY: "/a.key" } });
  expect(alone).toBe("--hubble-key (WEIR_HUBBLE_KEY): it needs --hubble-address, too");
});

test.each(["0.0.0.0:9966", "10.0.0.1:9966", "[::]:9966", "[2001:db8::7]:9966", "[::ffff:10.0.0.1]:9966"])(
  "the page is not served at %s, where others could reach it",
  (uiAddress) => {
    expect(problems({ flags: { uiAddress } })[0]).toContain(
      "only programs of this machine may reach it: a loopback address like 127.0.0.1:9966 or [::1]:9966 is wanted",
    );
  },
);

test.each(["127.0.0.1:9966", "127.8.8.8:1", "[::1]:9966"])("the page is served at %s", (uiAddress) => {
  expect(problems({ flags: { uiAddress } })).toEqual([]);
});

test.each([
  "",
  "4244",
  ":4244",
  "10.0.0.1",
  "10.0.0.1:0",
  "10.0.0.1:65536",
  "10.0.0.256:1",
  "::1:4244",
  "[::1]",
  "host:4244",
])("%j is no address and port", (hubbleAddress) => {
  const flags = { hubbleAddress, hubbleCert: "/a", hubbleKey: "/b", hubbleCa: "/c" };
  expect(problems({ flags })[0]).toContain(
    "an address and a port like 192.0.2.7:4244 or [2001:db8::7]:4244 are wanted",
  );
});

test.each([
  ["- run-dir\n", ":1:1: a mapping of options is wanted"],
  ["run-dir: /a\nrun-dri: /b\n", ':2:10: there is no option "run-dri"'],
  ["run-dir: /a\nrun-dir: /b\n", ":2:1: Map keys must be unique"],
  ["run-dir: {a: b}\n", "a word, a number or a list of them is wanted"],
  ["run-dir: [a\n", ":2:1: Flow sequence"],
])("a malformed file is located: %j", (content, problem) => {
  using folder = new TemporaryFolder();
  const file = folder.join("weir.yaml");
  writeFileSync(file, content);
  expect(problems({ flags: { config: file } })[0]).toContain(problem);
});

test("a missing file is a problem", () => {
  expect(problems({ flags: { config: "/nowhere/weir.yaml" } })[0]).toMatch(
    /^--config \(\/nowhere\/weir.yaml\): ENOENT/,
  );
});

test.each(["10.0.0.0", "10.0.0.0/24,10.0.0.128/25", "fe80::1%lo/64", "::/0", "", "10.0.0.0/24,"])(
  "a range of pods that is none is refused: %j",
  (podCidr) => expect(problems({ flags: { podCidr } })).toHaveLength(1),
);

test.each([
  ["10.1.0.0/24", '"10.1.0.0/24" belongs to no pool'],
  ["blue=10.1.0.0/33", "the range 10.1.0.0/33 has to be from /8 to /30"],
  ["blue=", '"" is not a range'],
  ["Blue=10.1.0.0/24", '"Blue" is no name of a pool'],
  ["default=10.1.0.0/24", "the pool default is what --ipam says"],
  ["blue=10.1.0.0/24,blue=10.2.0.0/24", "the pool blue is said twice"],
  ["blue=10.1.0.0/24,green=10.1.0.0/25", "the ranges 10.1.0.0/24 and 10.1.0.0/25 overlap"],
])("a pool that is none is refused: %j", (pool, text) => {
  expect(problems({ flags: { pool } })).toEqual([expect.stringContaining(text)]);
});

test.each(["", "7", "31", "24,15", "24,127", "24,120,1", "a"])(
  "a size of blocks that is none is refused: %j",
  (clusterPoolMask) => expect(problems({ flags: { clusterPoolMask } })).toHaveLength(1),
);

test.each([
  "",
  "9964",
  ":9964",
  "127.0.0.1",
  "127.0.0.1:",
  "127.0.0.1:0",
  "127.0.0.1:65536",
  "127.0.0.1:9964/",
  "::1:9964",
])("an address to listen on that is none is refused: %j", (metricsAddress) => {
  expect(problems({ flags: { metricsAddress } })[0]).toContain("an address and a port like");
});

test.each(["localhost:9964", "[::1%lo]:9964", "[127.0.0.1]:9964", "256.0.0.1:9964"])(
  "a name, a scope or a wrong address is no address to listen on: %j",
  (metricsAddress) => expect(problems({ flags: { metricsAddress } })).toHaveLength(1),
);

test.each([
  ["0.0.0.0:1", { host: "0.0.0.0", port: 1 }],
  ["[2001:db8::1]:65535", { host: "2001:db8::1", port: 65_535 }],
])("an address to listen on: %s", (metricsAddress, wanted) => {
  const result = loadConfig({ flags: { metricsAddress }, environment: {} });
  expect(result.ok && result.config.metricsAddress).toEqual(wanted);
});

test.each(["", "22", "tcp", "tcp:0", "tcp:22-21", "tcp:65536", "icmp:8", "tcp:22,", "tcp:22;udp:68", "none,tcp:22"])(
  "a failsafe that is none is refused: %j",
  (hostFailsafeInbound) => {
    const [problem, ...more] = problems({ flags: { hostFailsafeInbound } });
    expect([problem, more]).toEqual([expect.stringContaining("tcp:22, udp:68 or tcp:2379-2380"), []]);
  },
);

test.each(["", "10.0.0.0", "10.0.0.0/33", "fd00::/129", "10.0.0.0/8,", "none,10.0.0.0/8", "fe80::%lo/64"])(
  "an exclusion from masquerade that is none is refused: %j",
  (masqueradeExclude) => expect(problems({ flags: { masqueradeExclude } })).toHaveLength(1),
);

test.each(["", "1024", "0-100", "2000-1999", "1-65536", "a-b"])(
  "a range of ports that is none is refused: %j",
  (masqueradePorts) => expect(problems({ flags: { masqueradePorts } })).toHaveLength(1),
);

test.each([
  "",
  "10.0.0.1:2379",
  "ftp://10.0.0.1",
  "http://10.0.0.1:2379/v3",
  "http://10.0.0.1?x",
  "http://root:secret@10.0.0.1:2379",
  "http://10.0.0.1:2379,https://10.0.0.2:2379",
  "http://10.0.0.1:2379,",
])("an address of a store that is none is refused: %j", (storeAddress) => {
  const found = problems({ flags: { storeAddress } });
  expect(found).toHaveLength(1);
});

test("addresses of a store may be several, by name, number or IPv6", () => {
  const storeAddress = "https://etcd-1:2379, https://10.0.0.2:2379/,https://[fd00::3]:2379";
  expect(loadConfig({ flags: { storeAddress }, environment: {} })).toMatchObject({
    config: { storeAddress: ["https://etcd-1:2379", "https://10.0.0.2:2379", "https://[fd00::3]:2379"] },
  });
});

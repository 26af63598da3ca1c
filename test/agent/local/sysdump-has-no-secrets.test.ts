import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Redactor } from "#agent/local/sysdump/redact.ts";
import { sysdump, type SysdumpOptions } from "#agent/local/sysdump/sysdump.ts";
import { ApiFixture } from "#test/agent/api/api-fixture.ts";
import { fakePorts } from "#test/agent/api/fake-ports.ts";
import { flow, status, web } from "#test/agent/api/fake-views.ts";
import { findTexts, unpackSysdump } from "#test/support/sysdump-content.ts";

let seeds = 0;
const secrets: string[] = [];

/** A text that must not be in the archive, and is nowhere else. */
function seed(): string {
  seeds += 1;
  const secret = `hunter${String(seeds).padStart(3, "0")}Zx9q`;
  secrets.push(secret);
  return secret;
}

const pem = (): string => `-----BEGIN EC PRIVATE KEY-----\n${seed()}\n${seed()}\n-----END EC PRIVATE KEY-----`;
const base64 = (text: string): string => Buffer.from(text).toString("base64");
const jwt = (): string => `${base64(`{"alg":"none","a":"${seed()}"}`).replace(/=+$/, "")}.${seed()}.${seed()}`;

/** Everywhere that an agent says something. */
function seededPorts() {
  const ports = fakePorts();
  const option = { name: "store-address", origin: "flag", live: false, start: null };
  return {
    config: {
      ...ports.config,
      list: () => [
        { ...option, value: `https://root:${seed()}@10.0.0.5:2379,https://${seed()}@10.0.0.6` },
        { ...option, name: "store-token", value: seed(), start: { value: seed(), origin: "flag" } },
      ],
    },
    status: {
      status: () => Promise.resolve({ ...status, problems: [`reach https://x:${seed()}@10.0.0.5: refused`] }),
    },
    endpoints: {
      ...ports.endpoints,
      list: () => [{ ...web, labels: { app: "web", "example.com/auth-token": seed(), DB_PASSWORD: seed() } }],
      log: () => [
        { time: "2026-01-31T12:00:00Z", event: "failed", message: `password=${seed()} and token: ${seed()}` },
      ],
    },
    identities: {
      ...ports.identities,
      list: () => [{ id: 20_481, labels: { secret: seed() }, scope: "cluster" as const }],
    },
    policies: {
      ...ports.policies,
      inForce: () => ({
        ...ports.policies.inForce(),
        objects: [
          {
            kind: "NetworkPolicy",
            metadata: { annotations: { "x/api-key": seed(), note: `Authorization: Basic ${seed()}` } },
          },
          { expressions: [{ key: "session-token", operator: "In", values: [seed(), seed()] }] },
          { env: [{ name: "CLIENT_SECRET", value: seed() }], headers: [`X-Token: ${seed()} ${seed()}`] },
          { headerMatches: [{ name: "X-Api-Key", value: seed(), secret: { name: seed() } }] },
          { config: `users:\n- user:\n    client-key-data: ${base64(pem())}\n`, jwt: jwt(), key: pem() },
        ],
      }),
    },
    flows: {
      read: async function* () {
        yield [{ ...flow, source: { ...flow.source, labels: ["k8s:app=web", `k8s:db-password=${seed()}`] } }];
      },
    },
  };
}

const log = (): string =>
  [
    `{"level":30,"msg":"started","token":"${seed()}","nested":{"apiKey":"${seed()}"}}`,
    `{"level":30,"msg":"GET / Authorization: Bearer ${seed()} done"}`,
    `connecting with --password ${seed()} --store-token=${seed()} to https://a:${seed()}@b/`,
    pem(),
    `header {"password": "two words ${seed()}", "x": 1}`,
    `Cookie: a=${seed()}; b=${seed()}`,
    `jwt ${jwt()}`,
    "an honest line",
    "",
  ].join("\n");

const applied = (): string =>
  `kind: NetworkPolicy\nmetadata:\n  annotations:\n    token: |\n      ${seed()}\n      ${seed()}\n    secret-list:\n    - ${seed()}\n` +
  `    plain: stays\n    password: two words ${seed()}\nenv:\n- name: TOKEN\n  value: ${seed()}\n- name: COLOUR\n  value: green\n`;

async function seededFiles(folder: string): Promise<Pick<SysdumpOptions, "stateDir" | "cniConfDir" | "logFile">> {
  const at = (...path: string[]) => join(folder, ...path);
  for (const path of ["state/objects", "state/endpoints", "net.d"]) mkdirSync(at(path), { recursive: true });
  const conf = { type: "other", kubernetes: { k8s_auth_token: seed(), kubeconfig: at("net.d/kube.conf-real") } };
  writeFileSync(at("net.d/10-other.conflist"), JSON.stringify({ plugins: [conf], ipam: { password: seed() } }));
  writeFileSync(at("net.d/kubeconfig"), `token: ${seed()}\nplain ${seed()}`);
  symlinkSync(at("net.d/kubeconfig"), at("net.d/20-link.conf"));
  writeFileSync(at("state/objects/a.yaml"), applied());
  writeFileSync(at("state/endpoints/12.json"), JSON.stringify({ id: 12, labels: { token: seed() } }));
  writeFileSync(at("agent.log"), log());
  return { stateDir: at("state"), cniConfDir: at("net.d"), logFile: at("agent.log") };
}

test("secrets are taken out, wherever they stand, and the rest is told", async () => {
  await using api = await ApiFixture.start(seededPorts());
  const files = await seededFiles(api.runDir);
  const file = join(api.runDir, "dump.tar.gz");
  const manifest = await sysdump({
    ...files,
    file,
    runDir: api.runDir,
    bpffs: join(api.runDir, "none"),
    environment: { GITHUB_TOKEN: seed(), HOME: "/root" },
    signal: new AbortController().signal,
    onPart: () => undefined,
  });
  expect(secrets.length).toBeGreaterThan(50);
  const parts = await unpackSysdump(file);
  expect(findTexts(parts, secrets)).toEqual([]);
  expect(statSync(file).mode & 0o777).toBe(0o600);

  const read = (name: string): unknown => JSON.parse(parts.get(name) ?? "null");
  expect(read("manifest.json")).toEqual(manifest);
  expect(manifest.agent).toBe("answers");
  expect(
    manifest.parts.filter(({ outcome }) => outcome === "failed").map(({ name, note }) => `${name}: ${note}`),
  ).toEqual([expect.stringMatching(/^cni\/20-link.conf: ELOOP/)]);
  expect(read("agent/config.json")).toMatchObject([
    { name: "store-address", value: "https://[redacted]@10.0.0.5:2379,https://[redacted]@10.0.0.6" },
    { name: "store-token", value: "[redacted]", start: "[redacted]" },
  ]);
  expect(read("agent/endpoints.json")).toMatchObject([
    { pod: "web-1", labels: { app: "web", "example.com/auth-token": "[redacted]" } },
  ]);
  expect(read("cni/files.json")).toEqual(["10-other.conflist", "20-link.conf", "kubeconfig"]);
  expect(parts.get("log/agent.log")).toContain("an honest line");
  expect(parts.get("state/objects/a.yaml")).toContain("plain: stays");
  expect(parts.get("state/objects/a.yaml")).toContain("- name: COLOUR\n  value: green");
});

test("what the agent's files of secrets hold is taken out, also where they are links, as volumes have them", async () => {
  const [header, token] = ["plainwords01Zx9q", "plainwords02Zx9q"];
  await using fixture = await ApiFixture.start();
  const at = (name: string): string => join(fixture.runDir, name);
  writeFileSync(at("headers"), `# of the collector\nX-Scope: ${header}\nAuthorization: Bearer ${token}\n`);
  const keyText = "plainwords03Zx9q";
  mkdirSync(at("..data"));
  writeFileSync(at("..data/key"), `${keyText}\n`);
  symlinkSync("..data/key", at("key"));
  writeFileSync(at("agent.log"), `refused: ${header}\nrefused: ${token}\nrefused: ${keyText}\n`);
  const option = { origin: "flag", live: false, start: null };
  const list = () => [
    { ...option, name: "otlp-headers-file", value: at("headers") },
    { ...option, name: "store-key", value: at("key") },
  ];
  await using api = await ApiFixture.start({ config: { ...fakePorts().config, list } });
  const file = at("dump.tar.gz");
  await sysdump({
    file,
    runDir: api.runDir,
    stateDir: "/nonexistent",
    bpffs: "/nonexistent",
    cniConfDir: "/nonexistent",
    logFile: at("agent.log"),
    environment: {},
    signal: new AbortController().signal,
    onPart: () => undefined,
  });
  const parts = await unpackSysdump(file);
  expect(parts.get("log/agent.log")).toContain("refused: [redacted]");
  expect(findTexts(parts, [header, token, keyText])).toEqual([]);
});

test("a text that seems to begin tokens without an end takes no time", () => {
  const text = "eyJaaaaaaaa-".repeat(40_000);
  const begun = performance.now();
  expect(new Redactor().text(text)).toBe(text);
  expect(performance.now() - begun).toBeLessThan(15_000);
});

test("a file that is there, or a link of that name, is left alone", async () => {
  await using api = await ApiFixture.start();
  const options = {
    runDir: api.runDir,
    stateDir: "/nonexistent",
    bpffs: "/nonexistent",
    cniConfDir: "/nonexistent",
    logFile: null,
    environment: {},
    signal: new AbortController().signal,
    onPart: () => undefined,
  };
  const link = join(api.runDir, "link");
  symlinkSync(join(api.runDir, "elsewhere"), link);
  writeFileSync(join(api.runDir, "there"), "mine");
  for (const file of [link, join(api.runDir, "there")]) {
    await expect(sysdump({ ...options, file })).rejects.toMatchObject({ code: "EEXIST" });
  }
  expect(readdirSync(api.runDir)).not.toContain("elsewhere");
  expect(readFileSync(join(api.runDir, "there"), "utf8")).toBe("mine");
});

test("one that is interrupted leaves no file", async () => {
  await using api = await ApiFixture.start();
  const file = join(api.runDir, "dump.tar.gz");
  const abort = new AbortController();
  const dumping = sysdump({
    file,
    runDir: api.runDir,
    stateDir: "/nonexistent",
    bpffs: "/nonexistent",
    cniConfDir: "/nonexistent",
    logFile: null,
    environment: {},
    signal: abort.signal,
    onPart: (done) => done === 3 && abort.abort(),
  });
  await expect(dumping).rejects.toMatchObject({ name: "AbortError" });
  expect(existsSync(file)).toBe(false);
});

test("what is too large is cut, and the manifest says so", async () => {
  const list = () => Array.from({ length: 9000 }, (_, id) => ({ ...web, id: id + 1 }));
  await using api = await ApiFixture.start({ endpoints: { ...fakePorts().endpoints, list } });
  const file = join(api.runDir, "dump.tar.gz");
  const logFile = join(api.runDir, "agent.log");
  writeFileSync(logFile, "a line of the log\n".repeat(80_000));
  const { parts } = await sysdump({
    file,
    runDir: api.runDir,
    stateDir: "/nonexistent",
    bpffs: "/nonexistent",
    cniConfDir: "/nonexistent",
    logFile,
    environment: {},
    signal: new AbortController().signal,
    onPart: () => undefined,
  });
  const cut = parts.filter(({ outcome }) => outcome === "truncated");
  expect(cut.map(({ name, note }) => `${name}: ${note}`)).toEqual([
    expect.stringMatching(/^log\/agent.log: \d+ bytes$/),
    expect.stringMatching(/^agent\/endpoints.json: \d+ of 9000 entries$/),
  ]);
  const unpacked = await unpackSysdump(file);
  expect((JSON.parse(unpacked.get("agent/endpoints.json") ?? "") as unknown[]).length).toBeGreaterThan(1000);
  expect(unpacked.get("log/agent.log")?.startsWith("a line of the log\n")).toBe(true);
  expect(statSync(file).size).toBeLessThan(20 * 1024 * 1024);
});

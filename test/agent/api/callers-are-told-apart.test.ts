import { chmodSync } from "node:fs";
import { beforeEach, expect, test } from "vitest";
import { PacedWarnings } from "#agent/api/paced-warnings.ts";
import { needs } from "#test/support/requirement.ts";
import { ApiFixture } from "./api-fixture.ts";
import { asOtherUser, type OtherUser } from "./other-user.ts";

/** Numbers that no account has. */
const weir = { name: "weir", id: 61_001 };
const observers = { name: "weir-observe", id: 61_002 };
const nobody: OtherUser = { uid: 61_000, gid: 61_000, groups: [] };
const member: OtherUser = { ...nobody, groups: [61_005, weir.id] };
const observer: OtherUser = { ...nobody, gid: observers.id };

beforeEach(needs("root"));

/** The real sockets, both of them, with everybody let through by the file system where the test says so. */
async function start(openToAll = false): Promise<ApiFixture> {
  const api = await ApiFixture.start({}, {}, { full: weir, observe: observers });
  chmodSync(api.runDir, 0o755);
  if (openToAll) for (const socket of ["agent.sock", "observe.sock"]) chmodSync(`${api.runDir}/${socket}`, 0o666);
  return api;
}

const client = new URL("../../../agent/api/client.ts", import.meta.url).href;

/** What becomes of a call of the client, in words; and whose it was. */
async function outcome(
  who: OtherUser,
  sockets: readonly string[],
  call: string,
): Promise<{ pid: number; words: string }> {
  const body = `
    const [{ ApiClient }] = modules;
    const words = await new ApiClient(...${JSON.stringify(sockets)}).${call}.then(() => "done", ({ message }) => message);
    process.stdout.write(words);`;
  const { pid, printed } = await asOtherUser(who, [client], body);
  return { pid, words: printed };
}

test("the file system keeps out whoever is in no group", async () => {
  await using api = await start();
  const { words } = await outcome(nobody, [api.socket], "status()");
  expect(words).toBe(`no right to use ${api.socket}`);
});

test("so does the agent, by the kernel's word, and its log says who it was", async () => {
  await using api = await start(true);
  const { words, pid } = await outcome(nobody, [api.socket], "status()");
  expect(words).toMatch(/^serve request: uid 61000 is neither root nor in group weir; run as root/);
  expect(api.warnings).toEqual([expect.stringContaining(`refuse GET /v1/status for uid 61000 (process ${pid})`)]);
});

test.for<[string, OtherUser]>([
  ["a supplementary", member],
  ["the primary", { ...nobody, gid: weir.id }],
])("a member of the group weir, by %s group, may see and change", async ([, who]) => {
  await using api = await start();
  expect((await outcome(who, [api.socket], "status()")).words).toBe("done");
  const { words, pid } = await outcome(who, [api.socket], 'applyPolicy({ text: "kind: X", file: "x.yaml" })');
  expect(words).toBe("done");
  expect(api.changed).toEqual([
    { method: "POST", path: "/v1/policies", subject: "x.yaml", status: 200, uid: 61_000, pid },
  ]);
});

test("an observer looks by the other socket, and by no other", async () => {
  await using api = await start(true);
  const observeSocket = `${api.runDir}/observe.sock`;
  expect((await outcome(observer, [observeSocket], "endpoints()")).words).toBe("done");
  expect((await outcome(observer, [api.socket], "endpoints()")).words).toContain("in group weir;");
});

test("a client whom the full socket is not for reads by the other one, and changes nothing", async () => {
  await using api = await start();
  const sockets = [api.socket, `${api.runDir}/observe.sock`];
  const question = { from: "shop/web-1", to: "1.1.1.1", protocol: "TCP", port: 53 };
  for (const call of ["status()", `evaluate(${JSON.stringify(question)})`, "flows({}).next()"]) {
    expect([call, (await outcome(observer, sockets, call)).words]).toEqual([call, "done"]);
  }
  const { words } = await outcome(observer, sockets, 'deletePolicy("NetworkPolicy/shop/web")');
  expect(words).toBe(`no right to use ${api.socket}`);
});

test("what anybody asks for in vain is told once in a while, with how often", () => {
  const lines: string[] = [];
  let now = 0;
  const warnings = new PacedWarnings(
    (line) => void lines.push(line),
    () => now,
  );
  for (; now < 25_000; now += 1_000) warnings.tell("refused");
  expect(lines).toEqual([
    "refused",
    "refused (9 more of the kind before it)",
    "refused (9 more of the kind before it)",
  ]);
});

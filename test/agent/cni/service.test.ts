import { statSync } from "node:fs";
import { expect, test } from "vitest";
import { ApiError } from "#agent/api/errors.ts";
import type { CniCall } from "#agent/api/cni.ts";
import type { CniParts } from "#agent/cni/call.ts";
import { CniService, type EndedCall } from "#agent/cni/service.ts";
import { needs } from "#test/support/requirement.ts";
import { ipamParts } from "./ipam-parts.ts";

const call: CniCall = {
  plugin: "weir-ipam",
  command: "ADD",
  token: "0123456789abcdef",
  containerId: "c1",
  ifName: "eth0",
  netns: "/run/netns/a",
  args: {},
  config: { cniVersion: "1.1.0", name: "net", ipam: { type: "weir-ipam" } },
};

const reason = (code: "stopping" | "caller-gone"): ApiError =>
  new ApiError(code, { asked: "serve request", obstacle: "it ended" });
const ended = (code: "stopping" | "caller-gone"): AbortSignal => AbortSignal.abort(reason(code));

/** The same parts but for some: nothing of them is read before it is used. */
function changed(parts: CniParts, changes: Partial<CniParts>): CniParts {
  return Object.create(parts, Object.getOwnPropertyDescriptors(changes)) as CniParts;
}

test("an ADD whose caller has gone is taken back, one of an agent that stops is answered and stays", async () => {
  using parts = ipamParts();
  const caller = new AbortController();
  const given: number[] = [];
  const forgetDeletion = (): void => {
    given.push(parts.leases.list().length);
    caller.abort(reason("caller-gone"));
  };
  const inTurn = async <T>(change: () => T | Promise<T>): Promise<T> => await change();
  const leaving = new CniService(changed(parts, { forgetDeletion }), { inTurn, unforeseen: () => undefined });
  await leaving.call(call, caller.signal);
  expect([given, parts.leases.list()]).toEqual([[1], []]);
  const service = new CniService(parts, { inTurn, unforeseen: () => undefined });
  const answer = await service.call(call, ended("stopping"));
  expect(answer).toMatchObject({ exitCode: 0, output: { ips: [{ address: expect.stringContaining("10.0.0.") }] } });
  expect(parts.leases.list()).toHaveLength(1);
});

test("an ADD with another plugin's addresses is taken back as well when its caller has gone", async (context) => {
  needs("root")(context);
  using parts = ipamParts();
  const { endpoints } = parts;
  const { dev: device, ino: inode } = statSync("/proc/self/ns/net");
  const { token, containerId, ifName } = call;
  const addresses = { from: "elsewhere", ipv4: "10.9.0.2", ipv6: null } as const;
  const pod = { namespace: "default", pod: "c1", labels: {}, network: "net", netns: "", netnsInode: inode };
  const { id } = await endpoints.create({ token, containerId, ifName, addresses, viaStack: false, ...pod });
  await endpoints.activate(id, 7);
  const second: CniCall = {
    ...call,
    plugin: "weir-cni",
    netns: "/proc/self/ns/net",
    namespace: { device, inode, pid: process.pid, fd: 0 },
    config: { cniVersion: "1.1.0", name: "net", ipam: { type: "host-local" } },
    resume: { state: { step: "done" }, exitCode: 0, output: '{"ips":[{"address":"10.9.0.2/24"}]}' },
  };
  const caller = new AbortController();
  /** Whose first use ends the call. */
  const used = new Proxy(endpoints, {
    get: (target, key) => {
      caller.abort(reason("caller-gone"));
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
  const changes = { endpoints: used, host: null as never };
  const service = new CniService(changed(parts, changes), {
    inTurn: async (change) => await change(),
    unforeseen: () => undefined,
  });
  expect(await service.call(second, caller.signal)).toMatchObject({ exitCode: 0 });
  expect(endpoints.list()).toEqual([]);
});

test("cni-33 DEL goes by what it needs of the configuration, whatever else is wrong in it by now", async () => {
  using parts = ipamParts();
  const service = new CniService(parts, { inTurn: async (change) => await change(), unforeseen: () => undefined });
  const { signal } = new AbortController();
  await service.call(call, signal);
  expect(parts.leases.list()).toHaveLength(1);
  const ipam = { type: "weir-ipam", routes: "all" };
  const config = { cniVersion: "1.1.0", name: "net", mtu: 10, ipam, dns: [], args: { cni: { labels: {} } } };
  expect(await service.call({ ...call, command: "DEL", config }, signal)).toEqual({ output: null, exitCode: 0 });
  expect(parts.leases.list()).toEqual([]);
});

test("a call that is made again with its token gets the same answer, and another one is refused", async () => {
  using parts = ipamParts();
  const service = new CniService(parts, { inTurn: async (change) => await change(), unforeseen: () => undefined });
  const { signal } = new AbortController();
  const first = await service.call(call, signal);
  expect(await service.call(call, signal)).toEqual(first);
  const other = await service.call({ ...call, token: "fedcba9876543210" }, signal);
  expect(other).toMatchObject({ exitCode: 1, output: { code: 100, msg: expect.stringContaining("DEL first") } });
});

test("each call is told of when it is answered: how it ended, and the code of its error", async () => {
  using parts = ipamParts();
  const ended: EndedCall[] = [];
  const service = new CniService(parts, {
    inTurn: async (change) => await change(),
    unforeseen: () => undefined,
    ended: (one) => void ended.push(one),
  });
  const { signal } = new AbortController();
  await service.call(call, signal);
  await service.call({ ...call, token: "fedcba9876543210" }, signal);
  await service.call({ ...call, command: "DEL" }, signal);
  const milliseconds = expect.any(Number) as number;
  expect(ended).toEqual([
    { plugin: "weir-ipam", command: "ADD", outcome: "ok", code: null, milliseconds },
    { plugin: "weir-ipam", command: "ADD", outcome: "error", code: 100, milliseconds },
    { plugin: "weir-ipam", command: "DEL", outcome: "ok", code: null, milliseconds },
  ]);
});

test("an error that nobody foresaw is an answer, and noted", async () => {
  using parts = ipamParts();
  const noted: string[] = [];
  const service = new CniService(parts, {
    inTurn: () => Promise.reject(new Error("unforeseen")),
    unforeseen: (_error, what) => void noted.push(what),
  });
  const answer = await service.call(call, new AbortController().signal);
  expect(answer).toMatchObject({ exitCode: 1, output: { cniVersion: "1.1.0", code: 100 } });
  expect(noted).toEqual(["ADD of eth0 of container c1"]);
});

test("an ADD whose caller has gone before its turn comes does nothing", async () => {
  using parts = ipamParts();
  let isAsked = false;
  const addressWish = () => {
    isAsked = true;
    return { sticky: false };
  };
  const service = new CniService(changed(parts, { addressWish }), {
    inTurn: async (change) => await change(),
    unforeseen: () => undefined,
  });
  expect(await service.call(call, ended("caller-gone"))).toMatchObject({ exitCode: 1, output: { code: 11 } });
  expect([isAsked, parts.leases.list()]).toEqual([false, []]);
});

test("cni-50 STATUS is about the pool that the configuration names", async () => {
  using parts = ipamParts();
  const problems = (pool: string | undefined): string[] => (pool === "blue" ? ["pool blue is full"] : []);
  const service = new CniService(changed(parts, { problems }), {
    inTurn: async (change) => await change(),
    unforeseen: () => undefined,
  });
  const status = async (ipam: object) =>
    await service.call({ ...call, command: "STATUS", config: { ...call.config, ipam } }, new AbortController().signal);
  expect(await status({ type: "weir-ipam" })).toEqual({ output: null, exitCode: 0 });
  const full = await status({ type: "weir-ipam", pool: "blue" });
  expect(full).toMatchObject({ exitCode: 1, output: { code: 50, msg: "agent is not ready: pool blue is full" } });
});

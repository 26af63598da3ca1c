import { systemClocks } from "libbpf-ts";
import { expect, test } from "vitest";
import { SystemClock } from "#agent/runtime/clock.ts";
import { loadConfig } from "#agent/runtime/config.ts";
import { openStore } from "#agent/store/open-store.ts";
import type { Store } from "#agent/store/store.ts";
import { silentLog } from "#test/support/silent-log.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

function open(flags: Readonly<Record<string, string>>): Promise<Store> {
  const loaded = loadConfig({ flags, environment: {} });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return openStore(loaded.config, new SystemClock(systemClocks), silentLog());
}

test("the configuration chooses the kind", async () => {
  using folder = new TemporaryFolder();
  await using embedded = await open({ stateDir: folder.path });
  await using etcd = await open({ store: "etcd", storeAddress: "http://127.0.0.1:1" });
  await using consul = await open({ store: "consul" });
  expect([embedded.kind, etcd.kind, consul.kind]).toEqual(["embedded", "etcd", "consul"]);
  expect(etcd.health).toMatchObject({ state: "degraded", message: expect.stringContaining("http://127.0.0.1:1") });
});

test.each([
  [{ storeCert: "/a" }, "--store-cert and --store-key go together"],
  [{ storeKey: "/a" }, "--store-cert and --store-key go together"],
  [{ storeUser: "weir" }, "--store-user and --store-password-file go together"],
  [{ storeTokenFile: "/a" }, "--store-token-file is for consul"],
  [{ store: "consul", storeUser: "weir", storePasswordFile: "/a" }, "--store-user is for etcd"],
  [{ storePasswordFile: "/a" }, "--store-user and --store-password-file go together"],
])("options that do not go together are refused: %j", async (flags, message) => {
  await expect(open({ store: "etcd", ...flags })).rejects.toThrow(message);
});

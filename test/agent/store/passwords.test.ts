import { writeFileSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { StoreError } from "#agent/store/errors.ts";
import { unmet } from "#test/support/requirement.ts";
import { consulKind, etcdKind, StoreServer } from "#test/support/store-server.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { consul, etcd } from "./kinds.ts";
import { openClient } from "./use-store-server.ts";

function secretFile(): { readonly path: string; readonly write: (secret: string) => void } {
  const folder = new TemporaryFolder();
  onTestFinished(() => folder[Symbol.dispose]());
  return { path: folder.join("secret"), write: (secret) => writeFileSync(folder.join("secret"), `${secret}\n`) };
}

/** How a call ends. A password takes the server long to look at, and a first answer may be that it came too late. */
function outcome(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "done",
    (error: unknown) => (error instanceof StoreError ? error.code : String(error)),
  );
}

test("etcd knows us by user and password, over restarts, and refuses what a user may not do", async (context) => {
  const reason = unmet("etcd");
  if (reason !== undefined) context.skip(reason);
  await using server = await StoreServer.start(etcdKind);
  const post = (path: string, body: unknown): Promise<string> =>
    server.ask(`/v3/auth/${path}`, { method: "POST", body: JSON.stringify(body) });
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  for (const name of ["root", "weir"]) {
    await post("user/add", { name, password: `of-${name}` });
    await post("role/add", { name });
    await post("user/grant", { user: name, role: name });
  }
  const perm = { permType: "READWRITE", key: base64("mine/"), range_end: base64("mine0") };
  await post("role/grant", { name: "weir", perm });
  await post("enable", {});

  const addresses = [server.address];
  const secret = secretFile();
  secret.write("wrong");
  const login = { addresses, user: "weir", passwordFile: secret.path };
  await using store = openClient(etcd, { ...login, prefix: "mine" });
  await expect.poll(() => outcome(store.get("a"))).toBe("refused");
  await expect.poll(() => store.health.message).toContain("authentication failed");
  secret.write("of-weir");
  await expect.poll(() => store.health.state).toBe("ok");
  await store.put("a", "1", { lifetime: "node" });

  await using other = openClient(etcd, { ...login, prefix: "others" });
  await expect.poll(() => outcome(other.put("a", "1"))).toBe("refused");
  await using nobody = openClient(etcd, { addresses, prefix: "mine" });
  await expect.poll(() => outcome(nobody.get("a"))).toBe("refused");

  // Tokens are in the server's memory only.
  await server.kill();
  await server.start();
  await expect.poll(() => store.get("a").catch(() => null)).toMatchObject({ value: "1" });
});

test("consul knows us by a token, and refuses what it may not do, instead of calling it a conflict", async (context) => {
  const reason = unmet("consul");
  if (reason !== undefined) context.skip(reason);
  const acl =
    'acl { enabled = true default_policy = "deny" tokens { master = "11111111-1111-1111-1111-111111111111" } }';
  await using server = await StoreServer.start(consulKind, { args: [`-hcl=${acl}`] });
  const addresses = [server.address];
  const secret = secretFile();
  await using missing = openClient(consul, { addresses, tokenFile: secret.path });
  await expect.poll(() => outcome(missing.get("a"))).toBe("refused");
  await expect.poll(() => missing.health.message).toContain(secret.path);

  secret.write("11111111-1111-1111-1111-111111111111");
  await expect.poll(() => missing.health.state).toBe("ok");
  await missing.put("a", "1", { lifetime: "node", condition: { revision: null } });
  expect((await missing.get("a"))?.value).toBe("1");

  await using nobody = openClient(consul, { addresses });
  const condition = { revision: null };
  await expect.poll(() => outcome(nobody.put("b", "1", { condition }))).toBe("refused");
  await expect.poll(() => outcome(nobody.delete("a"))).toBe("refused");
  await expect.poll(() => outcome(nobody.get("a"))).toBe("refused");
});

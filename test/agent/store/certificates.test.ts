import { copyFileSync } from "node:fs";
import { expect, test } from "vitest";
import { unmet } from "#test/support/requirement.ts";
import { CertificateAuthority } from "#test/support/certificates.ts";
import { StoreServer } from "#test/support/store-server.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { consul, etcd } from "./kinds.ts";
import { openClient } from "./use-store-server.ts";

test.for([etcd, consul])(
  "$server.name knows us by our certificate, and gets a new one from the disk",
  async (kind, context) => {
    const reason = unmet(kind.server.name);
    if (reason !== undefined) context.skip(reason);
    using folder = new TemporaryFolder();
    const authority = new CertificateAuthority(folder.path, "authority");
    const own = authority.sign("server");
    const good = authority.sign("client");
    const foreign = new CertificateAuthority(folder.path, "another").sign("stranger");
    const args = {
      etcd: [
        `--cert-file=${own.certificate}`,
        `--key-file=${own.key}`,
        "--client-cert-auth",
        `--trusted-ca-file=${authority.certificate}`,
      ],
      consul: [
        `-hcl=cert_file = "${own.certificate}" key_file = "${own.key}" ca_file = "${authority.certificate}"`,
        "-hcl=verify_incoming_https = true",
      ],
    };
    await using server = await StoreServer.start(kind.server, { scheme: "https", args: args[kind.server.name] });
    const addresses = [server.address];
    const ca = authority.certificate;
    await using store = openClient(kind, { addresses, ca, ...good });
    await expect.poll(() => store.health).toEqual({ state: "ok", message: "" });
    await store.put("a", "1");
    expect((await store.get("a"))?.value).toBe("1");

    await using unsure = openClient(kind, { addresses, ...good });
    await expect(unsure.get("a")).rejects.toMatchObject({ code: "unavailable" });
    await expect.poll(() => unsure.health.message).toMatch(/certificate/);

    const files = { certificate: folder.join("now.pem"), key: folder.join("now.key") };
    const put = (from: typeof good): void => {
      copyFileSync(from.certificate, files.certificate);
      copyFileSync(from.key, files.key);
    };
    put(foreign);
    await using renewed = openClient(kind, { addresses, ca, ...files });
    await expect(renewed.get("a")).rejects.toMatchObject({ name: "StoreError" });
    expect(renewed.health.state).toBe("degraded");
    put(good);
    await expect.poll(() => renewed.health.state).toBe("ok");
    await renewed.put("a", "2");
  },
);

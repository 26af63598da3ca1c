import { AgentEvents } from "#agent/runtime/agent-events.ts";
import { connect } from "node:net";
import { once } from "node:events";
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { type ChannelCredentials, credentials } from "@grpc/grpc-js";
import { afterAll, expect, test } from "vitest";
import { type Identity, readIdentity } from "#agent/hubble/identity.ts";
import type { HubbleNetwork } from "#agent/hubble/network-listener.ts";
import { HubbleServer } from "#agent/hubble/server.ts";
import { addEvent, event } from "#test/agent/flows/fixture.ts";
import { type Certificate, CertificateAuthority } from "#test/support/certificates.ts";
import { codeOf, HubbleClient } from "#test/support/hubble-client.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { HubbleFixture } from "./hubble-fixture.ts";

const folder = new TemporaryFolder();
afterAll(() => folder[Symbol.dispose]());
const authority = new CertificateAuthority(folder.path, "authority");
const stranger = new CertificateAuthority(folder.path, "stranger");
const own = authority.sign("server", "DNS:*.example.org,IP:127.0.0.1");
const reader = authority.sign("reader");
const impostor = stranger.sign("impostor");

function network(host = "127.0.0.1"): HubbleNetwork {
  return {
    host,
    port: 0,
    identity: () => readIdentity({ cert: own.certificate, key: own.key, ca: authority.certificate }, "n1.zone"),
  };
}

function credentialsOf(as: Certificate | null, trusted = authority): ChannelCredentials {
  const [key, certificate] = as === null ? [null, null] : [readFileSync(as.key), readFileSync(as.certificate)];
  return credentials.createSsl(readFileSync(trusted.certificate), key, certificate);
}

/** @param trusted whose signature the server must have. */
function client(hubble: HubbleFixture, as: Certificate | null, trusted = authority): HubbleClient {
  return new HubbleClient(hubble.address, credentialsOf(as, trusted));
}

test("whom the CA knows reads flows; others see nothing", async () => {
  await using hubble = await HubbleFixture.start({ network: network() });
  addEvent(hubble.ring, event());
  using right = client(hubble, reader);
  expect(await right.flows()).toHaveLength(1);
  using none = client(hubble, null);
  using wrong = client(hubble, impostor);
  using plain = new HubbleClient(hubble.address);
  for (const other of [none, wrong, plain]) expect(await codeOf(other.flows())).toBe("UNAVAILABLE");
  // It goes on serving.
  expect(await right.flows()).toHaveLength(1);
  expect(hubble.warnings).toEqual([]);
});

test("a reader finds out when the server is not who it should be", async () => {
  await using hubble = await HubbleFixture.start({ network: network() });
  using careful = client(hubble, reader, stranger);
  expect(await codeOf(careful.flows())).toBe("UNAVAILABLE");
});

test("peers are told the address, and the name that the certificate is for", async () => {
  await using hubble = await HubbleFixture.start({ network: network("0.0.0.0") });
  // The device `lo` is the only one there; the socket of the machine has no TLS.
  expect(hubble.address).toMatch(/^127\.0\.0\.1:\d+$/);
  const stream = hubble.client.stream("peer.Peer/Notify");
  const [peer] = await once(stream, "data");
  stream.cancel();
  const serverName = "n1-zone.example.org";
  expect(peer).toEqual({ name: "n1", address: hubble.address, type: "PEER_ADDED", tls: { server_name: serverName } });
  const options = { "grpc.ssl_target_name_override": serverName };
  using named = new HubbleClient(hubble.address, credentialsOf(reader), options);
  const { nodes } = await named.ask("observer.Observer/GetNodes");
  expect(nodes).toMatchObject([{ address: hubble.address, tls: { enabled: true, server_name: serverName } }]);
});

test("old versions of TLS, and bytes that are none, are refused", async () => {
  await using hubble = await HubbleFixture.start({ network: network() });
  const [host = "", port = ""] = hubble.address.split(":");
  const socket = connect(Number(port), host);
  socket.on("error", () => undefined);
  socket.end("GET / HTTP/1.1\r\n\r\n");
  await once(socket.resume(), "close");
  using right = client(hubble, reader);
  expect(await right.flows()).toEqual([]);
});

test("a port that is taken is told, and nothing is left of the try", async () => {
  await using first = await HubbleFixture.start({ network: network() });
  const port = Number(first.address.split(":")[1]);
  using run = new TemporaryFolder();
  const node = { nodeName: "n1", flows: first.reader, agentEvents: new AgentEvents(() => 0n), devices: () => [] };
  const second = HubbleServer.listen(run.path, node, () => undefined, { ...network(), port });
  await expect(second).rejects.toThrow(
    new RegExp(`listen on 127.0.0.1 port ${port}: .*EADDRINUSE.*use another --hubble-address`),
  );
  expect(readdirSync(run.path)).toEqual([]);
});

test.each<[what: string, files: { cert: string; key: string; ca: string }, words: RegExp]>([
  [
    "a missing file",
    { cert: "/nowhere.crt", key: own.key, ca: authority.certificate },
    /read \/nowhere\.crt: .*ENOENT/,
  ],
  ["a folder", { cert: own.certificate, key: "/", ca: authority.certificate }, /read \/: it is no file/],
  [
    "another's key",
    { cert: own.certificate, key: reader.key, ca: authority.certificate },
    /use certificate .*server\.pem with key .*mismatch/,
  ],
])("%s is told at the start", (_, files, words) => {
  expect(() => readIdentity(files, "n1")).toThrow(words);
});

test("a file that is no certificate is told at the start", () => {
  writeFileSync(folder.join("ca.crt"), "no certificate");
  const files = { cert: own.certificate, key: own.key, ca: folder.join("ca.crt") };
  expect(() => readIdentity(files, "n1")).toThrow(/and CA .*ca\.crt/);
});

test("a new certificate, and a new CA, are taken while the server runs; a broken one is told once", async () => {
  using own2 = new TemporaryFolder();
  const files = { cert: own2.join("cert"), key: own2.join("key"), ca: own2.join("ca") };
  const put = (by: CertificateAuthority, { certificate, key }: Certificate): void => {
    copyFileSync(certificate, files.cert);
    copyFileSync(key, files.key);
    copyFileSync(by.certificate, files.ca);
  };
  put(authority, own);
  const identity = (): Identity => readIdentity(files, "n1");
  await using hubble = await HubbleFixture.start({ network: { host: "127.0.0.1", port: 0, identity, renewal: 20 } });
  using before = client(hubble, reader);
  expect(await codeOf(before.flows())).toBe("OK");
  writeFileSync(files.cert, "no certificate");
  await expect.poll(() => hubble.warnings).toHaveLength(1);
  expect(hubble.warnings[0]).toMatch(/renew the certificate .*; the old one is shown/);
  put(stranger, stranger.sign("server2", "DNS:new.example.org,IP:127.0.0.1"));
  const code = async (as: Certificate, trusted: CertificateAuthority): Promise<string> => {
    using one = client(hubble, as, trusted);
    return await codeOf(one.flows());
  };
  await expect.poll(() => code(impostor, stranger)).toBe("OK");
  expect(await code(reader, stranger)).toBe("UNAVAILABLE");
  // A connection that is there stays.
  expect(await codeOf(before.flows())).toBe("OK");
  const { nodes } = await hubble.client.ask("observer.Observer/GetNodes");
  expect(nodes).toMatchObject([{ tls: { server_name: "new.example.org" } }]);
  expect(hubble.warnings).toHaveLength(1);
});

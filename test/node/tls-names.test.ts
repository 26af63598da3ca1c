import { expect, test } from "vitest";
import { CertificateAuthority } from "#test/support/certificates.ts";
import { type Answer, curl } from "#test/support/curl.ts";
import { l7Policy } from "#test/support/l7-policy.ts";
import { startNginx } from "#test/support/nginx.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode();
const pods = usePods(node, ["web", "client"]);
let authority: CertificateAuthority;

const names = 'serverNames: [good.example.com, "*.wild.example.com"]';
const policy = l7Policy({
  name: "client",
  app: "client",
  egress: [`{toEndpoints: [{matchLabels: {app: web}}], toPorts: [{ports: [{port: "443", protocol: TCP}], ${names}}]}`],
});

prepare(async () => {
  const { lab } = node();
  authority = new CertificateAuthority(lab.folder, "authority");
  const { certificate, key } = authority.sign("web", "DNS:*.example.com,DNS:*.wild.example.com");
  const server =
    `listen 443 ssl; listen [::]:443 ssl; ssl_certificate ${certificate}; ssl_certificate_key ${key};` +
    'location / { default_type text/plain; return 200 "$ssl_server_name $host from $remote_addr\\n"; }';
  await startNginx({ lab, place: pods.web.namespace, name: "web", ports: [], server });
  await node().changeObjects("client.yaml", policy);
});

/** Asks the server for a name, whose certificate curl verifies: nobody in between has another. */
function ask(name: string, address = pods.web.ipv4, ...args: string[]): Promise<Answer> {
  const at = address.includes(":") ? `[${address}]` : address;
  const trust = ["--cacert", authority.certificate, "--resolve", `${name}:443:${at}`];
  return curl(pods.client.namespace, `https://${name}/`, ...trust, ...args);
}

test("who asks for a name that a rule names speaks with the server itself, in either family", async () => {
  for (const [n, address] of [pods.web.ipv4, pods.web.ipv6].entries()) {
    const from = [pods.client.ipv4, pods.client.ipv6][n];
    expect(await ask("good.example.com", address)).toMatchObject({
      status: 200,
      body: expect.stringContaining(`good.example.com good.example.com from ${from}`) as string,
    });
    expect((await ask("any.wild.example.com", address)).status).toBe(200);
  }
});

test("who asks for another name, or for none, speaks with nobody", async () => {
  for (const name of ["bad.example.com", "good.example.org"]) {
    expect(await ask(name, pods.web.ipv4, "-k")).toMatchObject({ status: 0 });
  }
  // By its address: there is no name in the hello.
  expect((await curl(pods.client.namespace, `https://${pods.web.ipv4}/`, "-k")).status).toBe(0);
});

test("who speaks no TLS there speaks with nobody", async () => {
  expect((await curl(pods.client.namespace, `http://${pods.web.ipv4}:443/`)).status).toBe(0);
});

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { LabNode } from "#agent/local/lab-node.ts";
import type { LabPod } from "#agent/local/lab-pod.ts";
import type { Lab } from "#agent/local/lab.ts";
import { LabProgram } from "#test/support/lab-program.ts";
import { startNginx } from "#test/support/nginx.ts";

/** Of the server: behind an L7 rule, and behind a rule of addresses and ports alone. */
export const ports = { l7: 80, plain: 81 } as const;
const haproxyPort = 8081;
const nodePort = 8082;

/** What clients ask for. */
export const path = "/public/index.html";

const policy = (name: string, spec: object): object => ({
  apiVersion: "cilium.io/v2",
  kind: "CiliumNetworkPolicy",
  metadata: { namespace: "bench", name },
  spec: { endpointSelector: { matchLabels: { app: name } }, ...spec },
});
const tcp = (port: number): object => ({ port: String(port), protocol: "TCP" });

/** The server takes `GET /public/...` on one port, everything on the other. The client may ask it, as a resolver, for some names. */
const policies = {
  apiVersion: "v1",
  kind: "List",
  items: [
    policy("server", {
      ingress: [
        {
          fromEndpoints: [{ matchLabels: { app: "client" } }],
          toPorts: [
            { ports: [tcp(ports.l7)], rules: { http: [{ method: "GET", path: "/public/.*" }] } },
            { ports: [tcp(ports.plain), { port: "53", protocol: "UDP" }] },
          ],
        },
      ],
    }),
    policy("client", {
      egress: [
        { toPorts: [{ ports: [ports.l7, ports.plain, haproxyPort, nodePort].map(tcp) }] },
        {
          toEndpoints: [{ matchLabels: { app: "server" } }],
          toPorts: [{ ports: [{ port: "53", protocol: "UDP" }], rules: { dns: [{ matchPattern: "*.example.com" }] } }],
        },
      ],
    }),
  ],
};

export interface L7Scene {
  readonly node: LabNode;
  readonly client: LabPod;
  readonly server: LabPod;
  /** Under these addresses the server is reached: by which way. */
  readonly urls: Readonly<Record<"weir" | "haproxy" | "node" | "direct", string>>;
  readonly haproxy: LabProgram;
  readonly nodeProxy: LabProgram;
}

/** One node with a client, a server, and beside Weir's proxy two others of the node that ask the same of requests. */
export async function l7Scene(lab: Lab): Promise<L7Scene> {
  const node = LabNode.create(lab, { name: "l7", podCidr: "10.79.0.0/24" });
  await node.startAgent();
  await node.changeObjects("bench.json", JSON.stringify(policies));
  const add = async (name: string) => node.addPod({ namespace: "bench", name, labels: { app: name } });
  const [client, server] = [await add("client"), await add("server")];
  await startNginx({
    lab,
    place: server.namespace,
    name: "nginx",
    ports: Object.values(ports),
    server: 'location / { default_type text/plain; return 200 "hello\\n"; }',
    connections: 16_384,
  });
  const config = join(lab.folder, "haproxy.cfg");
  writeFileSync(config, haproxyConfig(server.ipv4));
  const haproxy = await LabProgram.start({
    lab,
    place: node.namespace,
    name: "haproxy",
    command: ["haproxy", "-db", "-f", config],
    ports: [haproxyPort],
  });
  const script = join(import.meta.dirname, "node-http-proxy.ts");
  const nodeProxy = await LabProgram.start({
    lab,
    place: node.namespace,
    name: "node-http-proxy",
    command: [process.execPath, script, String(nodePort), server.ipv4, String(ports.plain)],
    ports: [nodePort],
  });
  const url = (address: string, port: number): string => `http://${address}:${port}${path}`;
  return {
    node,
    client,
    server,
    haproxy,
    nodeProxy,
    urls: {
      weir: url(server.ipv4, ports.l7),
      haproxy: url(client.gateway4, haproxyPort),
      node: url(client.gateway4, nodePort),
      direct: url(server.ipv4, ports.plain),
    },
  };
}

function haproxyConfig(server: string): string {
  return `global
  maxconn 4096
  nbthread 1
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  http-reuse always
frontend in
  bind :${haproxyPort}
  http-request deny unless METH_GET { path_reg ^/public/.*$ }
  default_backend server
backend server
  server one ${server}:${ports.plain}
`;
}

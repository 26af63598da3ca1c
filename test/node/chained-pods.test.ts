import { expect, test } from "vitest";
import { Traffic } from "#agent/local/traffic.ts";
import { ChainedPod } from "#test/support/chained-pod.ts";
import { expectTraffic, type To } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { Outside } from "#test/support/outside.ts";
import { answersPing, ping } from "#test/support/ping.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode({
  objects: {
    "server.yaml": networkPolicy({
      name: "server",
      selects: { tier: "server" },
      ingress: [
        {
          from: [app("client")],
          ports: [
            { protocol: "TCP", port: 80 },
            { protocol: "UDP", port: 80 },
          ],
        },
      ],
    }),
  },
  args: ["--masquerade", "false"],
});
const own = usePods(node, ["client", "intruder", "server"], { server: { labels: { app: "server", tier: "server" } } });
const pods: Record<string, ChainedPod> = {};
let outside: Outside;

prepare(async () => {
  for (const by of ["bridge", "ptp"] as const) {
    for (const name of ["client", "intruder", "server"]) {
      const labels = { app: name, ...(name === "server" && { tier: "server" }) };
      pods[`${by} ${name}`] = await ChainedPod.add(node(), { by, name: `${by}-${name}`, labels });
    }
  }
  outside = new Outside(node());
  for (const server of [own.server, pods["bridge server"], pods["ptp server"]]) {
    for (const protocol of ["TCP", "UDP"] as const)
      for (const port of [80, 81]) await server?.traffic.serve(protocol, port);
  }
  await outside.traffic.serve("TCP", 80);
});

function pod(name: string): ChainedPod {
  const found = name.startsWith("own ") ? own[name.slice(4) as keyof typeof own] : pods[name];
  if (!found) throw new Error(`there is no pod ${name}`);
  return found as ChainedPod;
}

const kinds = ["bridge", "ptp", "own"] as const;
const pairs = kinds.flatMap((from) => kinds.map((to) => [from, to] as const));

test.each(pairs)("a pod of %s reaches one of %s as policy says, by IPv4 and IPv6", async (from, to) => {
  const [client, intruder, server] = [pod(`${from} client`), pod(`${from} intruder`), pod(`${to} server`)];
  for (const address of [server.ipv4, server.ipv6]) {
    for (const protocol of ["TCP", "UDP"] as const) {
      await expectTraffic(client, address, 80, "answered", { protocol });
      await expectTraffic(client, address, 81, "silent", { protocol });
      await expectTraffic(intruder, address, 80, "silent", { protocol });
    }
  }
});

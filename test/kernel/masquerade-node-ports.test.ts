import { beforeEach, expect, test } from "vitest";
import { families, Masquerading, node, tcp, udp, world } from "#test/support/masquerading.ts";
import { needs } from "#test/support/requirement.ts";

beforeEach(needs("root", "namespaces"));

test.each(families)("a pod's mapping does not take what the world sends to a NodePort over %s", async (family) => {
  using net = await Masquerading.create();
  const { client } = net.pods;
  const [from, to] = [world[family], node[family]];
  // No socket stands for a NodePort; the client's next port can be guessed, and many be tried.
  for (const transport of [tcp(30_080, 40_000), udp(30_080, 40_000)])
    net.leave(client, { destination: from, transport }, family);
  for (const transport of [tcp(40_000, 30_080), udp(40_000, 30_080)])
    expect(net.arrive({ source: from, destination: to, transport })).toMatchObject({ to });
});

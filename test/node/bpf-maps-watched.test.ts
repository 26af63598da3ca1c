import { expect, test } from "vitest";
import { watch } from "#agent/local/maps/look.ts";
import type { EndpointView } from "#agent/api/views.ts";
import { targetOf } from "#test/support/expect-traffic.ts";
import { goesOn } from "#test/support/stream.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const node = useNode();
const pods = usePods(node, ["server", "client"]);

prepare(() => pods.server.traffic.serve("TCP", 80, "echo"));

test("watch tells of entries as they come, change and go", async () => {
  const aborted = new AbortController();
  const look = { bpffs: node().bpffs, names: ["conntrack4", "endpoints", "ipcache"] };
  const changes = watch(look, 10, aborted.signal);
  const next = async (wanted: (change: { map: string; change: string }) => boolean) => {
    for (;;) {
      const { value, done } = await changes.next();
      if (done) throw new Error("the watch has ended");
      if (wanted(value)) return value;
    }
  };
  const added = next(({ map, change }) => map === "conntrack4" && change === "added");
  // Its messages go on: every look after the first sees the connection changed.
  await using stream = await pods.client.traffic.stream(targetOf(pods.server, 80, "TCP"), {});
  await goesOn(stream);
  expect((await added).key).toMatchObject({ low_port: expect.any(Number) as number, protocol: 6 });
  const changed = await next(({ map, change }) => map === "conntrack4" && change === "changed");
  expect(changed).toMatchObject({ before: { packets: expect.any(Array) as unknown } });
  const [client] = (await node().client.endpoints()).filter(({ pod }) => pod === "client") as [EndpointView];
  const removed = next(({ map, change }) => map === "endpoints" && change === "removed");
  await pods.client.delete();
  expect((await removed).key).toMatchObject({ family: expect.stringMatching(/^FAMILY_IPV[46]$/) as string });
  expect([client.ipv4, client.ipv6]).toContain(((await removed).key as { address: string }).address);
  aborted.abort();
  expect(await next(() => false).catch((error: Error) => error.message)).toBe("the watch has ended");
});

import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { encodeData, load } from "bpf-loader";
import { MapHandle, TcxLink } from "libbpf-ts";
import { expect, test } from "vitest";
import { datapathConfig, layouts } from "#agent/datapath/layouts.gen.ts";
import { datapathObjects, defaultConfig } from "#agent/datapath/open-kernel.ts";
import type { LabNode } from "#agent/local/lab-node.ts";
import { targetOf } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { settledLinks } from "#test/support/pins.ts";
import { sized } from "#test/support/size.ts";
import { goesOn } from "#test/support/stream.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const replacements = sized({ short: 200, long: 1_000 });

const node = useNode({
  objects: {
    "server.yaml": networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ from: [app("client")] }] }),
  },
});
const pods = usePods(node, ["server", "client", "stranger"]);

prepare(async () => {
  for (const protocol of ["TCP", "UDP"] as const) await pods.server.traffic.serve(protocol, 80);
});

/** Another version of the programs over the same maps: as after an upgrade, or with another option. */
function loadVersion(lab: LabNode, openingBudget: bigint): ReturnType<typeof load> {
  const maps = join(lab.bpffs, "weir/maps");
  const pinned = readdirSync(maps);
  const sizeOf = (path: string): number => {
    using map = MapHandle.openPinned(path);
    return map.info.maxEntries;
  };
  return load({
    objectPaths: datapathObjects.map((name) => resolve(import.meta.dirname, "../../dist/bpf", name)),
    pinFolder: join(lab.bpffs, "weir"),
    readOnlyData: encodeData(datapathConfig, { ...defaultConfig, openingBudget }),
    mapSizes: Object.fromEntries(pinned.map((name) => [name, sizeOf(join(maps, name))])),
    layouts,
  });
}

test(`programs are replaced ${replacements} times under traffic: nothing is lost, and nothing gets through`, async () => {
  const links = Object.keys(await settledLinks(node()));
  await node().agent.stop();
  using one = loadVersion(node(), 4096n);
  using two = loadVersion(node(), 4097n);
  await using datagrams = await pods.client.traffic.stream(targetOf(pods.server, 80, "UDP"), { interval: 1 });
  await using stream = await pods.client.traffic.stream(targetOf(pods.server, 80), { interval: 1 });
  await using denied = await pods.stranger.traffic.stream(targetOf(pods.server, 80, "UDP"), { interval: 1 });
  await goesOn(datagrams);

  using stack = new DisposableStack();
  const opened = links.map((name) => {
    const link = stack.use(TcxLink.openPinned(join(node().bpffs, "weir/links", name)));
    return { link, name: name.endsWith("-ingress") ? "pod_egress" : "pod_ingress" };
  });
  for (let i = 0; i < replacements; i++) {
    const { programs } = i % 2 === 0 ? one : two;
    for (const { link, name } of opened)
      link.update(programs.get(name) as NonNullable<ReturnType<typeof programs.get>>);
    if (i % 10 === 0) await goesOn(datagrams, 1);
  }

  await goesOn(datagrams);
  await goesOn(stream);
  const { sent, lost } = await datagrams.stop();
  expect({ lost, enough: sent > replacements / 10 }).toEqual({ lost: [], enough: true });
  expect((await stream.report()).ended).toBeNull();
  const { sent: tried, received } = await denied.report();
  expect({ received, some: tried > 20 }).toEqual({ received: 0, some: true });
  await node().startAgent();
}, 120_000);

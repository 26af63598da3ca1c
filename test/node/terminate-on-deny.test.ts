import { describe, expect, test } from "vitest";
import type { BpfConnection } from "#agent/api/bpf-views.ts";
import type { StatusView } from "#agent/api/views.ts";
import type { Stream } from "#agent/local/traffic.ts";
import { until } from "#agent/local/until.ts";
import { expectTraffic, targetOf } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { Outside } from "#test/support/outside.ts";
import { goesOn } from "#test/support/stream.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const open = networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{}] });
const closed = networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ from: [app("other")] }] });
const noEgress = networkPolicy({ name: "client", selects: { app: "client" }, egress: [] });

const node = useNode({ objects: { "server.yaml": open }, args: ["--terminate-on-deny"] });
const pods = usePods(node, ["server", "client", "other"]);
let outside: Outside;

prepare(async () => {
  outside = new Outside(node());
  await outside.traffic.serve("TCP", 80);
  for (const pod of [pods.server, pods.client]) {
    await pod.traffic.serve("TCP", 80, "echo");
    await pod.traffic.serve("TCP", 90, "source");
  }
});

const resets = async (): Promise<number> => (await node().read<StatusView>("status")).datapath.resets;

/** Waits for the end of a stream, and expects that its end was told, not only silent. */
async function expectEnd(stream: Stream): Promise<void> {
  const ended = await until("the stream to end", async () => (await stream.report()).ended ?? undefined);
  expect(ended).toBe("ECONNRESET");
}

/** By what the server's policy denies from now on; opens it again afterwards. */
async function whileDenied(file: string, text: string, run: () => Promise<void>, after: string | null): Promise<void> {
  await node().changeObjects(file, text);
  try {
    await run();
  } finally {
    await node().changeObjects(file, after);
  }
}

describe.for(["ipv4", "ipv6"] as const)("a stream over %s that a new policy denies", (family) => {
  test.for([
    ["that the client sends and the server echoes", 80, {}],
    ["of segments that are put together", 80, { size: 60_000 }],
    ["that the server sends", 90, { interval: null }],
  ] as const)("%s: the client gets ECONNRESET, and others go on", async ([, port, shape]) => {
    await using cut = await pods.client.traffic.stream(targetOf(pods.server[family], port), shape);
    await using other = await pods.other.traffic.stream(targetOf(pods.server[family], port), shape);
    await goesOn(cut);
    const before = await resets();
    await whileDenied(
      "server.yaml",
      closed,
      async () => {
        await expectEnd(cut);
        await goesOn(other);
        await expectTraffic(pods.client, pods.server[family], port, "silent");
      },
      open,
    );
    expect(await resets()).toBeGreaterThan(before);
    expect((await other.report()).ended).toBeNull();
  });

  test("on which nobody sends anything: the client gets ECONNRESET, and others are judged and stay", async () => {
    const idle = { interval: null };
    await using cut = await pods.client.traffic.stream(targetOf(pods.server[family], 80), idle);
    await using other = await pods.other.traffic.stream(targetOf(pods.server[family], 80), idle);
    await using outgoing = await pods.other.traffic.stream(targetOf(outside[family], 80), idle);
    await whileDenied(
      "server.yaml",
      closed,
      async () => {
        await expectEnd(cut);
        await until("all open connections to be judged by the new policy", async () => {
          const revision = await node().revision();
          const connections = await node().read<BpfConnection[]>("bpf", "ct", "list");
          return connections.filter(({ closing }) => !closing).every(({ generation }) => generation === revision);
        });
      },
      open,
    );
    for (const stream of [other, outgoing]) expect((await stream.report()).ended).toBeNull();
  });

  test("from outside: the sender behind the stack gets ECONNRESET", async () => {
    await using cut = await outside.traffic.stream(targetOf(pods.server[family], 80));
    await goesOn(cut);
    await whileDenied("server.yaml", closed, () => expectEnd(cut), open);
  });

  test("to outside: the pod gets ECONNRESET", async () => {
    await using cut = await pods.client.traffic.stream(targetOf(outside[family], 80));
    await goesOn(cut);
    await whileDenied("client.yaml", noEgress, () => expectEnd(cut), null);
  });
});

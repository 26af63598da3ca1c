import { describe, expect, test } from "vitest";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { goesOn, received } from "#test/support/stream.ts";
import { targetOf } from "#test/support/expect-traffic.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const ingress = (...names: string[]) =>
  networkPolicy({ name: "server", selects: { app: "server" }, ingress: [{ from: names.map(app) }] });
const egress = (...names: string[]) =>
  networkPolicy({ name: "client", selects: { app: "client" }, egress: [{ to: names.map(app) }] });

const open = { "server.yaml": ingress("client", "other"), "client.yaml": egress("server", "other") };
const denials = {
  "the server's ingress": { "server.yaml": ingress("other") },
  "the client's egress": { "client.yaml": egress("other") },
} as const;

/** Where the messages of a stream come from: an echo server's port, and one of a server that only sends. */
const ports = { both: 80, server: 90 } as const;

const node = useNode({ objects: open });
const pods = usePods(node, ["server", "client", "other"]);

prepare(async () => {
  for (const protocol of ["TCP", "UDP"] as const) {
    await pods.server.traffic.serve(protocol, ports.both, "echo");
    await pods.server.traffic.serve(protocol, ports.server, "source");
  }
});

describe.for(Object.entries(denials))("a new deny by %s", ([, denial]) => {
  test.for([
    ["TCP", "both"],
    ["TCP", "server"],
    ["UDP", "both"],
    ["UDP", "server"],
  ] as const)("cuts a running %s stream with messages of %s, and leaves others alone", async ([protocol, sender]) => {
    const target = targetOf(pods.server, ports[sender], protocol);
    const options = sender === "server" ? { interval: null } : {};
    await using cut = await pods.client.traffic.stream(target, options);
    await using other = await pods.other.traffic.stream(target, options);
    await goesOn(cut);
    await goesOn(other);

    for (const [file, text] of Object.entries(denial)) await node().changeObjects(file, text);
    // What had arrived when the policy changed may not have been read by then.
    const before = await received(cut);
    await goesOn(other, 100);
    expect(await received(cut)).toBeLessThanOrEqual(before + 1);
    expect((await other.report()).ended).toBeNull();

    for (const file of Object.keys(denial)) await node().changeObjects(file, open[file as keyof typeof open]);
    await goesOn(cut);
  });
});

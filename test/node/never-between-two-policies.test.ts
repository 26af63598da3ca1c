import { expect, test } from "vitest";
import { targetOf } from "#test/support/expect-traffic.ts";
import { app, networkPolicy } from "#test/support/network-policy.ts";
import { sized } from "#test/support/size.ts";
import { goesOn, received } from "#test/support/stream.ts";
import { prepare, useNode } from "#test/support/use-node.ts";
import { usePods } from "#test/support/use-pods.ts";

const swaps = sized({ short: 50, long: 1_000 });
/** Both policies allow it, each by rules of its own. */
const open = { protocol: "TCP", port: 80 } as const;
/** One policy denies it where it leaves, the other where it arrives: half of one and half of the other would let it pass. */
const shut = { protocol: "UDP", port: 81 } as const;

type Ports = readonly (typeof open | typeof shut)[];

/**
 * Two objects that change together: what the client may send, and what the server takes. The rules before
 * the one that counts, `index` of them, say nothing: so judgements by different pairs name different rules.
 */
function pair(index: number, egress: Ports, ingress: Ports): string {
  const idle = Array.from({ length: index }, () => ({ ports: [{ protocol: "SCTP", port: 9 } as const] }));
  const client = { selects: { app: "client" }, egress: [...idle, { to: [app("server")], ports: egress }] };
  const server = { selects: { app: "server" }, ingress: [...idle, { from: [app("client")], ports: ingress }] };
  return [networkPolicy({ name: "client", ...client }), networkPolicy({ name: "server", ...server })].join("---\n");
}

const pairs = [pair(0, [open], [open, shut]), pair(1, [open, shut], [open])] as const;

const node = useNode();
const pods = usePods(node, ["server", "client"]);

prepare(async () => {
  await apply(pairs[0]);
  await pods.server.traffic.serve(open.protocol, open.port);
  await pods.server.traffic.serve(shut.protocol, shut.port);
});

async function apply(text: string): Promise<void> {
  await node().client.applyPolicy({ text, file: "pair.yaml" });
}

/** The rules that each judgement of the open stream named together, until the signal. */
async function rulesOfJudgements(signal: AbortSignal): Promise<Set<string>> {
  const seen = new Set<string>();
  try {
    for await (const line of node().client.flows({ follow: true }, signal)) {
      if (!("verdict" in line) || line.verdict !== "FORWARDED") continue;
      seen.add((line.weir?.rules ?? []).map(({ rule }) => rule).join(" and "));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return seen;
}

test(`of ${swaps} policies in turn, each packet is judged by one, never by a mixture`, async () => {
  const observing = new AbortController();
  const judgements = rulesOfJudgements(observing.signal);
  await using stream = await pods.client.traffic.stream(targetOf(pods.server, open.port), { interval: 1 });
  await using forbidden = await pods.client.traffic.stream(targetOf(pods.server, shut.port, "UDP"), { interval: 1 });
  await goesOn(stream);
  for (let swap = 1; swap <= swaps; swap++) await apply(pairs[swap % 2] as string);
  await goesOn(stream);

  const { sent } = await forbidden.report();
  expect(sent).toBeGreaterThan(swaps);
  expect(await received(forbidden)).toBe(0);
  expect((await stream.report()).ended).toBeNull();
  observing.abort();
  expect([...(await judgements)].toSorted()).toEqual(["egress[0] and ingress[0]", "egress[1] and ingress[1]"]);

  // It was the policies that kept it shut.
  await apply(pair(0, [open, shut], [open, shut]));
  await goesOn(forbidden);
}, 300_000);

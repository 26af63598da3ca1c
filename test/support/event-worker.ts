/**
 * Makes events, inside the network namespace of a node: runs the program of a pod's veth on packets, by
 * BPF_PROG_TEST_RUN. Argument: the pinned program.
 */
import { setTimeout as delay } from "node:timers/promises";
import { Program } from "libbpf-ts";

/** Packets to run one after the other, or one to run at a rate. */
export type EventOrder =
  | { readonly ifindex: number; readonly frames: readonly string[] }
  | { readonly ifindex: number; readonly flood: string; readonly perSecond: number; readonly packets: number };

/** Runs of one call. */
const burst = 2_000;

const program = Program.openPinned(process.argv[2] ?? "");

async function flood(order: Extract<EventOrder, { flood: string }>): Promise<number> {
  const data = new Uint8Array(Buffer.from(order.flood, "base64"));
  const begin = performance.now();
  let made = 0;
  for (;;) {
    const elapsed = (performance.now() - begin) / 1000;
    if (made >= order.packets) return made;
    if (made >= elapsed * order.perSecond) {
      await delay(1);
      continue;
    }
    program.testRun({ data, context: { ifindex: order.ifindex }, repeat: burst });
    made += burst;
  }
}

process.on("message", (order: EventOrder) => {
  void (async () => {
    if ("flood" in order) {
      process.send?.({ made: await flood(order) });
      return;
    }
    for (const frame of order.frames) {
      program.testRun({ data: new Uint8Array(Buffer.from(frame, "base64")), context: { ifindex: order.ifindex } });
    }
    process.send?.({ made: order.frames.length });
  })();
});
process.on("disconnect", () => process.exit());
process.send?.({ ready: true });

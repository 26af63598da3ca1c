import type { FlowProtocol } from "#policy/model/protocol.ts";
import type { SeenPort } from "./traffic.ts";

/** Ports that follow each other. */
export interface PortRange {
  readonly protocol: FlowProtocol;
  readonly first: number;
  readonly last: number;
}

/** Two ports in a row are better read one by one. */
const LEAST = 3;

/** Exactly the ports of a sorted list, long runs of them as ranges. */
export function portRanges(ports: readonly SeenPort[]): PortRange[] {
  const runs: { protocol: FlowProtocol; first: number; last: number }[] = [];
  for (const { protocol, port } of ports) {
    const run = runs.at(-1);
    if (run?.protocol === protocol && run.last + 1 === port) run.last = port;
    else runs.push({ protocol, first: port, last: port });
  }
  return runs.flatMap((run) => {
    if (run.last - run.first + 1 >= LEAST || run.first === run.last) return [run];
    return [run.first, run.last].map((port) => ({ protocol: run.protocol, first: port, last: port }));
  });
}

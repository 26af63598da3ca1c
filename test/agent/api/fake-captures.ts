import type { CaptureLine } from "#agent/api/capture-views.ts";
import type { Flow } from "#agent/api/flow.ts";

/** A TCP segment without data from 10.0.0.7 port 40000 to 10.0.0.8 port 5432. */
const frame =
  "06000000000102000000000208004500002800004000400626bc0a0000070a0000089c4015380000000000000000500200000d4c0000";

/** Two dropped packets of two interfaces, and that some are missing. */
export async function* captured(flow: Flow): AsyncGenerator<readonly CaptureLine[]> {
  const data = Buffer.from(frame, "hex").toString("base64");
  yield [
    { interface: { index: 7, name: "weir3fa1" }, way: "in", length: 1514, data, flow },
    { lost_packets: 3 },
    {
      interface: { index: 8, name: null },
      way: "out",
      length: 54,
      data,
      flow: { ...flow, file: { name: "judge.h", line: 166 } },
    },
  ];
}

import type { Flow, FlowLine } from "#agent/api/flow.ts";
import { layer7Text } from "#agent/api/layer7-text.ts";
import { eventTypeName } from "./event-types.ts";
import { flowLine, partyText, protocolText, reasonText, timeText, verdictText } from "./flow-line.ts";
import { type Paint, printable, properties } from "./table.ts";

export const flowFormats = ["table", "compact", "dict", "json", "jsonpb", "yaml"] as const;
export type FlowFormat = (typeof flowFormats)[number];

/** Writes one line of the stream after the other; undefined: this one is for people, and told beside. */
export async function flowWriter(format: FlowFormat, paint: Paint): Promise<(line: FlowLine) => string | undefined> {
  switch (format) {
    case "json":
      return forFlows((flow) => `${JSON.stringify(flow)}\n`);
    case "jsonpb":
      return (line) => `${JSON.stringify(response(line))}\n`;
    case "yaml": {
      const { stringify } = await import("yaml");
      return forFlows((flow) => `---\n${stringify(flow, { aliasDuplicateObjects: false })}`);
    }
    case "table":
      return forFlows((flow) => flowLine(flow, paint));
    case "compact":
      return forFlows((flow) => compactLine(flow, paint));
    case "dict":
      return forFlows((flow) => dictionary(flow, paint));
  }
}

function forFlows(write: (flow: Flow) => string): (line: FlowLine) => string | undefined {
  return (line) => ("lost_events" in line ? undefined : write(line));
}

/** Hubble's `GetFlowsResponse`, which has no room for `weir`. */
function response(line: FlowLine): object {
  if ("lost_events" in line) return line;
  const { weir: _, ...flow } = line;
  return { flow, node_name: line.node_name, time: line.time };
}

/** As Hubble's command line writes it: `shop/web-1:40000 (ID:20481) -> shop/db-0:5432 (ID:20482) ...`. */
function compactLine(flow: Flow, paint: Paint): string {
  const [source, destination] = partiesOf(flow).map((party) => printable(party));
  const ends = flow.is_reply ? `${destination} <- ${source}` : `${source} -> ${destination}`;
  const kind = eventTypeName(flow);
  const verdict = verdictText(flow, paint);
  return `${timeText(flow.time)}: ${ends} ${kind} ${flow.traffic_direction} ${verdict} (${summaryOf(flow)})\n`;
}

/** A flow's main facts, one below the other. */
function dictionary(flow: Flow, paint: Paint): string {
  const [source = "", destination = ""] = partiesOf(flow);
  const facts = properties(
    [
      ["TIMESTAMP", flow.time],
      ["SOURCE", source],
      ["DESTINATION", destination],
      ["TYPE", eventTypeName(flow)],
      ["DIRECTION", flow.traffic_direction],
      ["VERDICT", flow.verdict],
      ["SUMMARY", summaryOf(flow)],
      ["REASON", reasonText(flow)],
      ["UUID", flow.uuid],
    ],
    paint,
  );
  return `${facts}------------\n`;
}

function partiesOf(flow: Flow): string[] {
  const { l4, IP } = flow;
  const transport = l4?.TCP ?? l4?.UDP ?? l4?.SCTP;
  return [
    `${partyText(flow.source, IP?.source, transport?.source_port)} (ID:${flow.source.identity})`,
    `${partyText(flow.destination, IP?.destination, transport?.destination_port)} (ID:${flow.destination.identity})`,
  ];
}

function summaryOf(flow: Flow): string {
  const request = layer7Text(flow);
  // What a pod has written: it ends no line.
  if (request !== undefined) return printable(request);
  const flags = flow.l4?.TCP?.flags;
  return flags === undefined ? protocolText(flow) : `TCP Flags: ${Object.keys(flags).join(", ")}`;
}

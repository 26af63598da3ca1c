import type { Flow } from "#agent/api/flow.ts";
import { layer7Text } from "#agent/api/layer7-text.ts";
import { version } from "#agent/api/version.ts";
import { toTimestamp } from "./timestamp.ts";

const emitter = { name: "Weir", version };

const echoes: Readonly<Record<string, string>> = {
  "ICMPv4 0": "EchoReply",
  "ICMPv4 8": "EchoRequest",
  "ICMPv6 128": "EchoRequest",
  "ICMPv6 129": "EchoReply",
};

/** A flow as `flow.Flow`, which has no room for `weir`: of that, only the words for a drop's reason. */
export function flowMessage(flow: Flow, time: bigint): object {
  const { time: _text, weir, is_reply: isReply, drop_reason_desc: _name, ...same } = flow;
  return {
    ...same,
    time: toTimestamp(time),
    emitter,
    // By number: readers know names of their own for it.
    ...(flow.drop_reason === undefined
      ? {}
      : { drop_reason_desc: flow.drop_reason, ext_drop_reason_desc: weir.reason }),
    is_reply: { value: isReply },
    reply: isReply,
    Summary: summaryOf(flow),
  };
}

/** What Hubble's command line shows in brackets. */
function summaryOf(flow: Flow): string {
  const request = layer7Text(flow);
  if (request !== undefined) return request;
  const { l4 } = flow;
  const [[name, layer] = ["", undefined]] = Object.entries(l4 ?? {});
  if (layer === undefined) return "";
  if ("flags" in layer) return `TCP Flags: ${Object.keys(layer.flags).join(", ")}`;
  if (!("type" in layer)) return name;
  return `${name} ${echoes[`${name} ${layer.type}`] ?? `type ${layer.type} code ${layer.code}`}`;
}

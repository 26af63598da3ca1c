import { MessageFlag, MessageType, RouteProtocol, RuleAction, RuleAttribute } from "./constants.ts";
import { ipBytes } from "./ip.ts";
import { familyOf } from "./route.ts";
import type { NetlinkRequest } from "./message.ts";
import { PayloadWriter } from "./payload-writer.ts";

/** Packets from one address, or with a mark, take the routes of a table. */
export type RuleSpec = (
  | { readonly source: string }
  | {
      /** One of `Family`. */
      readonly family: number;
      readonly mark: number;
      /** The bits of a packet's mark that count. */
      readonly mask: number;
    }
) & {
  readonly table: number;
  /** Rules are asked in this order, the lowest first. */
  readonly priority: number;
  /** Who made it; default STATIC. Since Linux 4.17. */
  readonly protocol?: number;
};

/** Adds a rule; fails with EEXIST when it is there. */
export function addRule(spec: RuleSpec): NetlinkRequest {
  return request(MessageType.NEWRULE, MessageFlag.CREATE | MessageFlag.EXCLUSIVE, spec, "add");
}

/** Removes a rule; fails with ENOENT when there is none. */
export function deleteRule(spec: RuleSpec): NetlinkRequest {
  return request(MessageType.DELRULE, 0, spec, "delete");
}

/** struct fib_rule_hdr: {u8 family, u8 destination bits, u8 source bits, u8 tos, u8 table, u8, u8, u8 action, u32 flags}. */
function request(type: number, flags: number, spec: RuleSpec, verb: string): NetlinkRequest {
  const { table, priority, protocol = RouteProtocol.STATIC } = spec;
  const source = "source" in spec ? ipBytes(spec.source) : null;
  const writer = new PayloadWriter();
  writer
    .u8("family" in spec ? spec.family : familyOf(source as Uint8Array))
    .u8(0)
    .u8((source?.length ?? 0) * 8)
    .u8(0)
    .u8(0)
    .u8(0)
    .u8(0)
    .u8(RuleAction.TO_TABLE)
    .u32(0);
  if (source) writer.attribute(RuleAttribute.SOURCE, source);
  writer.attributeU32(RuleAttribute.PRIORITY, priority).attributeU32(RuleAttribute.TABLE, table);
  if ("mark" in spec) {
    writer.attributeU32(RuleAttribute.MARK, spec.mark).attributeU32(RuleAttribute.MARK_MASK, spec.mask);
    writer.attribute(RuleAttribute.PROTOCOL, Uint8Array.of(protocol));
  }
  const what = "source" in spec ? `from ${spec.source}` : `of mark 0x${spec.mark.toString(16)}`;
  return { type, flags, payload: writer.finish(), what: `${verb} rule ${what} to table ${table}` };
}

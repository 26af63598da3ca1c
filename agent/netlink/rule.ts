import { MessageFlag, MessageType, RuleAction, RuleAttribute } from "./constants.ts";
import { ipBytes } from "./ip.ts";
import { familyOf } from "./route.ts";
import type { NetlinkRequest } from "./message.ts";
import { PayloadWriter } from "./payload-writer.ts";

/** Packets from one address take the routes of a table. */
export interface RuleSpec {
  readonly source: string;
  readonly table: number;
  /** Rules are asked in this order, the lowest first. */
  readonly priority: number;
}

/**
 * Adds a rule; fails with EEXIST when it is there.
 *
 * struct fib_rule_hdr: {u8 family, u8 destination bits, u8 source bits, u8 tos, u8 table, u8, u8, u8 action, u32 flags}.
 */
export function addRule({ source, table, priority }: RuleSpec): NetlinkRequest {
  const bytes = ipBytes(source);
  const writer = new PayloadWriter();
  writer
    .u8(familyOf(bytes))
    .u8(0)
    .u8(bytes.length * 8)
    .u8(0)
    .u8(0)
    .u8(0)
    .u8(0)
    .u8(RuleAction.TO_TABLE)
    .u32(0);
  writer
    .attribute(RuleAttribute.SOURCE, bytes)
    .attributeU32(RuleAttribute.PRIORITY, priority)
    .attributeU32(RuleAttribute.TABLE, table);
  return {
    type: MessageType.NEWRULE,
    flags: MessageFlag.CREATE | MessageFlag.EXCLUSIVE,
    payload: writer.finish(),
    what: `add rule from ${source} to table ${table}`,
  };
}

import { type Address, parseAddress } from "#policy/model/cidr.ts";
import type { Reader } from "./reader.ts";

/** Reads an address of either family. */
export function readAddress(reader: Reader): Address | null {
  const text = reader.text((value) => (parseAddress(value) ? null : "is not an IP address"));
  return text === null ? null : parseAddress(text);
}

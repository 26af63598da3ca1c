import { AddressFamily } from "#agent/datapath/layouts.gen.ts";
import { formatAddress } from "#policy/model/cidr.ts";

/** An event's address as text; empty when the packet had none that could be read. */
export function addressText(family: number, bytes: Uint8Array): string {
  if (family === AddressFamily.IPV4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}`;
  if (family !== AddressFamily.IPV6) return "";
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return formatAddress({ family: 6, value });
}

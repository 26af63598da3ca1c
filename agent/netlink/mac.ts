import { NetlinkError } from "./error.ts";

/** `02:00:5e:10:00:01` as bytes. @throws NetlinkError `invalid` when the text is no MAC address. */
export function macBytes(text: string): Uint8Array {
  if (!/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/.test(text)) {
    throw new NetlinkError("invalid", `write address: ${JSON.stringify(text)} is no MAC address`);
  }
  return Uint8Array.from(text.split(":"), (part) => Number.parseInt(part, 16));
}

/** Bytes in lower-case hexadecimal, divided by colons. */
export function formatMac(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(":");
}

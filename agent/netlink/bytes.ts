/** Netlink speaks the machine's own byte order, except in addresses, which are plain bytes. */
export const littleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Messages and attributes start at multiples of four bytes. */
export function align(length: number): number {
  return (length + 3) & ~3;
}

/** An unsigned 32-bit number, or undefined when the bytes are absent or too few. */
export function readU32(bytes: Uint8Array | undefined): number | undefined {
  return bytes !== undefined && bytes.length >= 4 ? viewOf(bytes).getUint32(0, littleEndian) : undefined;
}

/** A text up to its NUL, or undefined when the bytes are absent. */
export function readText(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined) return undefined;
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

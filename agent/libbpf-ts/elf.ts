import { BpfError } from "./errors.ts";

const sectionHeaderSize = 64;

/**
 * The content of a section of a 64-bit little-endian ELF file; undefined when there is
 * none of that name.
 *
 * @throws BpfError `invalid` when the bytes are no such file.
 */
export function elfSection(file: Uint8Array, name: string): Uint8Array | undefined {
  try {
    return findSection(file, name);
  } catch (cause) {
    if (cause instanceof RangeError) throw invalid("it is cut off", cause);
    throw cause;
  }
}

function invalid(reason: string, cause?: unknown): BpfError {
  return new BpfError("invalid", "read ELF file", reason, { cause });
}

function findSection(file: Uint8Array, name: string): Uint8Array | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (view.getUint32(0) !== 0x7f454c46) throw invalid("it has no ELF header");
  if (file[4] !== 2 || file[5] !== 1) throw invalid("it is not 64-bit and little-endian");
  const table = Number(view.getBigUint64(40, true));
  const count = view.getUint16(60, true);

  const section = (index: number): Uint8Array => {
    const header = table + index * sectionHeaderSize;
    const start = Number(view.getBigUint64(header + 24, true));
    const end = start + Number(view.getBigUint64(header + 32, true));
    if (end > file.length) throw invalid(`its section ${index} is cut off`);
    return file.subarray(start, end);
  };
  const names = Buffer.from(section(view.getUint16(62, true)));
  for (let index = 0; index < count; index++) {
    const start = view.getUint32(table + index * sectionHeaderSize, true);
    const end = names.indexOf(0, start);
    if (end >= 0 && names.toString("latin1", start, end) === name) return section(index);
  }
  return undefined;
}

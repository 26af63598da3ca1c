import { BpfError } from "./errors.ts";

const headerSize = 64;
const sectionHeaderSize = 64;

function invalid(reason: string): BpfError {
  return new BpfError("invalid-object", `read ELF object: ${reason}`, { object: "ELF object" });
}

/**
 * The content of a section of a little-endian 64-bit ELF file, such as `.BTF` of a
 * compiled BPF object; undefined when there is none of that name.
 *
 * @throws BpfError `invalid-object` when the bytes are no such file.
 */
export function elfSection(file: Uint8Array, name: string): Uint8Array | undefined {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < headerSize || view.getUint32(0, false) !== 0x7f454c46) throw invalid("no ELF header");
  if (file[4] !== 2 || file[5] !== 1) throw invalid("not 64-bit little-endian");
  const table = Number(view.getBigUint64(40, true));
  const count = view.getUint16(60, true);
  if (view.getUint16(58, true) !== sectionHeaderSize || table + count * sectionHeaderSize > file.length) {
    throw invalid("its section headers are out of bounds");
  }

  const section = (index: number): Uint8Array => {
    const header = table + index * sectionHeaderSize;
    const start = Number(view.getBigUint64(header + 24, true));
    const size = Number(view.getBigUint64(header + 32, true));
    if (start + size > file.length) throw invalid(`section ${index} is out of bounds`);
    return file.subarray(start, start + size);
  };
  const nameTable = view.getUint16(62, true);
  if (nameTable >= count) throw invalid("it has no section names");
  const names = Buffer.from(section(nameTable));
  for (let index = 0; index < count; index++) {
    const nameOffset = view.getUint32(table + index * sectionHeaderSize, true);
    const end = names.indexOf(0, nameOffset);
    if (end >= 0 && names.toString("latin1", nameOffset, end) === name) return section(index);
  }
  return undefined;
}

import { check } from "./errors.ts";
import { abi, tcxAbi } from "./native/abi.ts";
import { native } from "./native/library.ts";
import { Struct } from "./native/struct.ts";

/** `BPF_OBJ_NAME_LEN`: longer names are cut. */
const nameSize = 16;

/** `MAX_USED_MAPS`: more the verifier lets no program use. */
const mapIdsMax = 64;

function fill(fd: number, info: Struct, subject: string): void {
  const length = new Struct(4).u32(0, info.bytes.length);
  check(native().objInfo(fd, info.bytes, length.bytes) as number, "bpf_obj_get_info_by_fd", subject);
}

function read(fd: number, size: number, subject: string): Struct {
  const info = new Struct(size);
  fill(fd, info, subject);
  return info;
}

function text(info: Struct, offset: number, size: number): string {
  const bytes = info.bytes.subarray(offset, offset + size);
  const end = bytes.indexOf(0);
  return Buffer.from(end < 0 ? bytes : bytes.subarray(0, end)).toString("latin1");
}

/** `struct bpf_map_info` of `<linux/bpf.h>`. */
export interface MapInfo {
  readonly type: number;
  readonly id: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  readonly name: string;
  /** Numbers of its types' BTF, and of the types of its keys and values in there; 0 for none. */
  readonly btfId: number;
  readonly keyTypeId: number;
  readonly valueTypeId: number;
}

export function mapInfo(fd: number): MapInfo {
  const layout = abi.bpf_map_info;
  const info = read(fd, layout.size, `map descriptor ${fd}`);
  const word = (offset: number): number => info.view.getUint32(offset, true);
  return {
    type: word(layout.type),
    id: word(layout.id),
    keySize: word(layout.key_size),
    valueSize: word(layout.value_size),
    maxEntries: word(layout.max_entries),
    flags: word(layout.map_flags),
    name: text(info, layout.name, nameSize),
    btfId: word(layout.btf_id),
    keyTypeId: word(layout.btf_key_type_id),
    valueTypeId: word(layout.btf_value_type_id),
  };
}

/** `struct bpf_prog_info`. */
export interface ProgramInfo {
  readonly type: number;
  readonly id: number;
  /** Hash of the instructions, hexadecimal. */
  readonly tag: string;
  readonly name: string;
  /** Instructions that the verifier looked at; since Linux 5.16, else 0. */
  readonly verifiedInstructions: number;
  /** Bytes of the program as the kernel rewrote it; 8 an instruction. */
  readonly translatedSize: number;
}

/** The numbers of the maps that a program uses. */
export function programMapIds(fd: number): number[] {
  const layout = abi.bpf_prog_info;
  const ids = new Struct(4 * mapIdsMax);
  const info = new Struct(layout.size).u32(layout.nr_map_ids, mapIdsMax).pointer(layout.map_ids, ids.bytes);
  fill(fd, info, `program descriptor ${fd}`);
  const count = Math.min(info.view.getUint32(layout.nr_map_ids, true), mapIdsMax);
  return Array.from({ length: count }, (_, index) => ids.view.getUint32(4 * index, true));
}

export function programInfo(fd: number): ProgramInfo {
  const layout = abi.bpf_prog_info;
  const info = read(fd, layout.size, `program descriptor ${fd}`);
  return {
    type: info.view.getUint32(layout.type, true),
    id: info.view.getUint32(layout.id, true),
    tag: Buffer.from(info.bytes.subarray(layout.tag, layout.tag + 8)).toString("hex"),
    translatedSize: info.view.getUint32(layout.xlated_prog_len, true),
    name: text(info, layout.name, nameSize),
    verifiedInstructions: info.view.getUint32(layout.verified_insns, true),
  };
}

/** `struct bpf_link_info`, as far as tcx links need it. */
export interface LinkInfo {
  readonly type: number;
  readonly id: number;
  readonly programId: number;
  /** 0 when the interface is gone: the link holds on to nothing. */
  readonly ifindex: number;
  readonly attachType: number;
}

export function linkInfo(fd: number): LinkInfo {
  const layout = tcxAbi.link_info;
  const info = read(fd, layout.size, `link descriptor ${fd}`);
  const word = (offset: number): number => info.view.getUint32(offset, true);
  return {
    type: word(layout.type),
    id: word(layout.id),
    programId: word(layout.prog_id),
    ifindex: word(layout.ifindex),
    attachType: word(layout.attach_type),
  };
}

import { check } from "./errors.ts";
import { native } from "./native/library.ts";
import { Struct } from "./native/struct.ts";

function read(fd: number, size: number, subject: string): Struct {
  const info = new Struct(size);
  const length = new Struct(4).u32(0, size);
  check(native().objInfo(fd, info.bytes, length.bytes) as number, "bpf_obj_get_info_by_fd", subject);
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
  const info = read(fd, 80, `map descriptor ${fd}`);
  const word = (offset: number): number => info.view.getUint32(offset, true);
  return {
    type: word(0),
    id: word(4),
    keySize: word(8),
    valueSize: word(12),
    maxEntries: word(16),
    flags: word(20),
    name: text(info, 24, 16),
    btfId: word(64),
    keyTypeId: word(68),
    valueTypeId: word(72),
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

export function programInfo(fd: number): ProgramInfo {
  const info = read(fd, 232, `program descriptor ${fd}`);
  return {
    type: info.view.getUint32(0, true),
    id: info.view.getUint32(4, true),
    tag: Buffer.from(info.bytes.subarray(8, 16)).toString("hex"),
    translatedSize: info.view.getUint32(20, true),
    name: text(info, 64, 16),
    verifiedInstructions: info.view.getUint32(216, true),
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
  const info = read(fd, 64, `link descriptor ${fd}`);
  const word = (offset: number): number => info.view.getUint32(offset, true);
  return { type: word(0), id: word(4), programId: word(8), ifindex: word(16), attachType: word(20) };
}

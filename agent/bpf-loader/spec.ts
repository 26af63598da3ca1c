import type { Codec } from "libbpf-ts";

/** Offset and size of every member, by structure: what user space was generated from. */
export type Layouts = Readonly<
  Record<string, { readonly size: number; readonly members: Readonly<Record<string, readonly [number, number]>> }>
>;

/** What is to be loaded: a plain value, to be looked at before anything happens. */
export interface LoadSpec {
  /** The object files. What two of them name alike is one map. */
  readonly objectPaths: readonly string[];
  /** Folder on a BPF file system for maps, programs and links; made when missing. */
  readonly pinFolder: string;
  /** Contents of `.rodata.config`, from its beginning, of each object that has one. */
  readonly readOnlyData: Uint8Array;
  /** Capacities that differ from the object's own. */
  readonly mapSizes: Readonly<Record<string, number>>;
  readonly layouts: Layouts;
}

/** Which program stands on which tc hook of an interface. */
export interface HookSpec {
  readonly ingress: string;
  readonly egress: string;
}

/** A program where it stands. */
export interface AttachedProgram {
  readonly interface: string;
  readonly hook: "ingress" | "egress" | "xdp";
  /** How it is held: by a link, or as a filter. */
  readonly attach: "tcx" | "clsact" | "xdp";
  readonly program: string;
  /** The kernel's number of the program, and the hash of its instructions. */
  readonly programId: number;
  readonly tag: string;
}

/** Bytes of one value, for read-only data. */
export function encodeData<T>(codec: Codec<T>, value: T): Uint8Array {
  const bytes = new Uint8Array(codec.size);
  codec.encode(value, new DataView(bytes.buffer), 0);
  return bytes;
}

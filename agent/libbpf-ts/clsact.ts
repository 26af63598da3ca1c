import { BpfError, check } from "./errors.ts";
import { native } from "./native/library.ts";
import { Struct } from "./native/struct.ts";
import type { Program } from "./program.ts";
import type { TcDirection } from "./tcx.ts";

const attachPoint = { ingress: 1, egress: 2 } as const;
const BPF_TC_F_REPLACE = 1;
const EEXIST = -17;

/** Which filter: two of the same handle and priority replace each other. */
export interface ClsactPlace {
  readonly ifindex: number;
  readonly direction: TcDirection;
  readonly handle: number;
  readonly priority: number;
}

function hook({ ifindex, direction }: ClsactPlace): Struct {
  return new Struct(24).u64(0, 24).u32(8, ifindex).u32(12, attachPoint[direction]);
}

function options({ handle, priority }: ClsactPlace): Struct {
  return new Struct(32).u64(0, 32).u32(20, handle).u32(24, priority);
}

function describe({ ifindex, direction }: ClsactPlace): string {
  return `${direction} of interface ${ifindex}`;
}

/** Attaches a program as a clsact filter in direct-action mode, or replaces the one in its place. For kernels before tcx. */
export function attachClsact(program: Program, place: ClsactPlace): void {
  const created = native().tcHookCreate(hook(place).bytes) as number;
  if (created !== EEXIST) check(created, "bpf_tc_hook_create", describe(place));
  const wanted = options(place).u32(8, program.fd).u32(12, BPF_TC_F_REPLACE);
  const result = native().tcAttach(hook(place).bytes, wanted.bytes) as number;
  check(result, "bpf_tc_attach", `program ${program.name} on ${describe(place)}`);
}

/** Idempotent: a filter or interface that is gone is no error. */
export function detachClsact(place: ClsactPlace): void {
  const result = native().tcDetach(hook(place).bytes, options(place).bytes) as number;
  if (result >= 0) return;
  const error = BpfError.fromErrno(result, "bpf_tc_detach", describe(place));
  if (error.errno !== "ENOENT" && error.errno !== "ENODEV" && error.errno !== "EINVAL") throw error;
}

/** Number of the program in a place; null when there is none. */
export function queryClsact(place: ClsactPlace): number | null {
  const found = options(place);
  const result = native().tcQuery(hook(place).bytes, found.bytes) as number;
  return result < 0 ? null : found.view.getUint32(16, true);
}

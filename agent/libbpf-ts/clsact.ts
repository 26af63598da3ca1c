import { BpfError, check } from "./errors.ts";
import { abi } from "./native/abi.ts";
import { native } from "./native/library.ts";
import { Struct } from "./native/struct.ts";
import type { Program } from "./program.ts";
import type { TcDirection } from "./tcx.ts";

const attachPoint = { ingress: 1, egress: 2 } as const;
const BPF_TC_F_REPLACE = 1;
const EEXIST = -17;
const filter = abi.bpf_tc_opts;

/** Which filter: two of the same handle and priority replace each other. */
export interface ClsactPlace {
  readonly ifindex: number;
  readonly direction: TcDirection;
  readonly handle: number;
  readonly priority: number;
}

function hook({ ifindex, direction }: ClsactPlace): Struct {
  const layout = abi.bpf_tc_hook;
  return Struct.sized(layout.size).u32(layout.ifindex, ifindex).u32(layout.attach_point, attachPoint[direction]);
}

function options({ handle, priority }: ClsactPlace): Struct {
  return Struct.sized(filter.size).u32(filter.handle, handle).u32(filter.priority, priority);
}

function describe({ ifindex, direction }: ClsactPlace): string {
  return `${direction} of interface ${ifindex}`;
}

/** Attaches a program as a clsact filter in direct-action mode, or replaces the one in its place. For kernels before tcx. */
export function attachClsact(program: Program, place: ClsactPlace): void {
  const created = native().tcHookCreate(hook(place).bytes) as number;
  if (created !== EEXIST) check(created, "bpf_tc_hook_create", describe(place));
  const wanted = options(place).u32(filter.prog_fd, program.fd).u32(filter.flags, BPF_TC_F_REPLACE);
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
  return result < 0 ? null : found.view.getUint32(filter.prog_id, true);
}

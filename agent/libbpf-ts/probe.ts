import { check } from "./errors.ts";
import { native } from "./native/library.ts";

/** `enum bpf_prog_type`, as far as packets meet them. */
export const ProgramType = { SCHED_CLS: 3, XDP: 6, CGROUP_SOCK_ADDR: 18 } as const;
export type ProgramType = (typeof ProgramType)[keyof typeof ProgramType];

/** Does this kernel load programs of a type? @throws BpfError `not-permitted`. */
export function hasProgramType(type: ProgramType): boolean {
  return (
    check(native().probeProgramType(type, null) as number, "libbpf_probe_bpf_prog_type", `program type ${type}`) > 0
  );
}

/**
 * May programs of a type call a helper?
 *
 * @param helper its number in `<linux/bpf.h>`, e.g. 155 for `bpf_redirect_peer`.
 */
export function hasHelper(type: ProgramType, helper: number): boolean {
  return check(native().probeHelper(type, helper, null) as number, "libbpf_probe_bpf_helper", `helper ${helper}`) > 0;
}

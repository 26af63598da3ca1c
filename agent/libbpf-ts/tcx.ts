import { BpfError, check } from "./errors.ts";
import { BpfLink } from "./link.ts";
import { abi, tcxAbi } from "./native/abi.ts";
import { callAsync, lastErrno, native } from "./native/library.ts";
import { Struct } from "./native/struct.ts";
import type { Program } from "./program.ts";

/** `enum bpf_attach_type`, since Linux 6.6. */
const attachType = { ingress: 46, egress: 47 } as const;
export type TcDirection = keyof typeof attachType;

const BPF_PROG_QUERY = 16;
const BPF_F_BEFORE = 1 << 3;
/** More than the kernel takes on one hook. */
const mostPrograms = 64;

/** bpf(2) itself, for what libbpf 1.1 does not know. */
function bpf(command: number, attributes: Struct, call: string, subject: string): number {
  const number = process.arch === "arm64" ? 280 : 321;
  const result = Number(native().syscallBpf(number, command, attributes.bytes, attributes.bytes.length));
  if (result < 0) throw BpfError.fromErrno(lastErrno(), call, subject);
  return result;
}

/** A tcx link: a program on an interface, until the link's last holder (process or pin) lets go. */
export class TcxLink extends BpfLink {
  /** Attaches before every program that is there. Waits for an RCU grace period, some 10 ms. */
  static attachFirst(program: Program, ifindex: number, direction: TcDirection): TcxLink {
    const options = firstInLine();
    const result = native().linkCreate(program.fd, ifindex, attachType[direction], options.bytes) as number;
    return TcxLink.#created(result, program, ifindex, direction);
  }

  /**
   * As {@link attachFirst}, but the wait is a worker thread's. That thread is in the network
   * namespace of the process, also when the caller has entered another one.
   */
  static async attachFirstAsync(program: Program, ifindex: number, direction: TcDirection): Promise<TcxLink> {
    const options = firstInLine();
    const result = await callAsync("linkCreate", program.fd, ifindex, attachType[direction], options.bytes);
    return TcxLink.#created(result, program, ifindex, direction);
  }

  static #created(result: number, program: Program, ifindex: number, direction: TcDirection): TcxLink {
    const subject = `program ${program.name} on ${direction} of interface ${ifindex}`;
    return new TcxLink(check(result, "bpf_link_create", subject));
  }
}

function firstInLine(): Struct {
  const layout = abi.bpf_link_create_opts;
  return Struct.sized(layout.size).u32(layout.flags, BPF_F_BEFORE);
}

/** The programs on a tcx hook, in the order in which they run. */
export function queryTcx(ifindex: number, direction: TcDirection): { programId: number; linkId: number }[] {
  const layout = tcxAbi.query;
  const programs = new Struct(mostPrograms * 4);
  const links = new Struct(mostPrograms * 4);
  const attributes = new Struct(layout.size)
    .u32(layout.target_ifindex, ifindex)
    .u32(layout.attach_type, attachType[direction])
    .pointer(layout.prog_ids, programs.bytes)
    .u32(layout.count, mostPrograms)
    .pointer(layout.link_ids, links.bytes);
  bpf(BPF_PROG_QUERY, attributes, "bpf_prog_query", `${direction} of interface ${ifindex}`);
  return Array.from({ length: attributes.view.getUint32(layout.count, true) }, (_, i) => ({
    programId: programs.view.getUint32(i * 4, true),
    linkId: links.view.getUint32(i * 4, true),
  }));
}

import { Descriptor } from "./descriptor.ts";
import { BpfError, check } from "./errors.ts";
import { openPin } from "./pin.ts";
import { type ProgramInfo, programInfo } from "./info.ts";
import { abi } from "./native/abi.ts";
import { native } from "./native/library.ts";
import { Struct } from "./native/struct.ts";

/** What a test run sees in `struct __sk_buff` beside the bytes. */
export interface TestContext {
  readonly ifindex?: number;
  /** 0: a packet of this host. */
  readonly ingressIfindex?: number;
  readonly mark?: number;
  /** Bytes of each segment of an aggregate; 0: it is none. */
  readonly gsoSize?: number;
}

export interface TestRun {
  readonly data: Uint8Array;
  /** Null: the program has no `struct __sk_buff`, but is one of XDP. */
  readonly context?: TestContext | null;
  /** How often, on the same and by then changed packet; 1 unless told. */
  readonly repeat?: number;
}

export interface TestResult {
  readonly returnValue: number;
  readonly data: Uint8Array;
  readonly mark: number;
  /** Of one run, in ns: the mean of all repetitions. */
  readonly duration: number;
}

/** Room for what a program may add to the packet. */
const headroom = 256;
const socketBuffer = abi.__sk_buff;
const run = abi.bpf_test_run_opts;

/** The numbers of the machine's programs above one, rising: what is loaded later has a higher one. */
export function* programIds(after = 0): Generator<number> {
  const next = new Struct(4);
  for (let id = after; ; id = next.view.getUint32(0, true)) {
    if (id !== after) yield id;
    const result = native().programNextId(id, next.bytes) as number;
    if (result >= 0) continue;
    const error = BpfError.fromErrno(result, "bpf_prog_get_next_id", `program ${id}`);
    if (error.code === "not-found") return;
    throw error;
  }
}

/** A loaded program. */
export class Program implements Disposable {
  readonly #descriptor: Descriptor;
  readonly info: ProgramInfo;
  readonly name: string;

  constructor(fd: number, name?: string) {
    this.info = programInfo(fd);
    this.name = name ?? this.info.name;
    this.#descriptor = new Descriptor(fd, `program ${this.name}`);
  }

  static openPinned(path: string, name?: string): Program {
    return new Program(openPin(path, "program"), name);
  }

  /** By the number that the kernel gave it. @throws BpfError `not-found` when there is none any more. */
  static openById(id: number): Program {
    return new Program(check(native().programFdById(id) as number, "bpf_prog_get_fd_by_id", `program ${id}`));
  }

  get fd(): number {
    return this.#descriptor.fd;
  }

  pin(path: string): void {
    check(native().objPin(this.fd, path) as number, "bpf_obj_pin", `program ${this.name} at ${path}`);
  }

  /** Runs the program on a packet (BPF_PROG_TEST_RUN); nothing is sent. */
  testRun({ data, context = {}, repeat = 1 }: TestRun): TestResult {
    const out = new Uint8Array(data.length + headroom);
    const after = new Struct(socketBuffer.size);
    const options = Struct.sized(run.size)
      .pointer(run.data_in, data)
      .pointer(run.data_out, out)
      .u32(run.data_size_in, data.length)
      .u32(run.data_size_out, out.length)
      .u32(run.repeat, repeat);
    if (context !== null) {
      const before = new Struct(socketBuffer.size)
        .u32(socketBuffer.mark, context.mark ?? 0)
        .u32(socketBuffer.gso_size, context.gsoSize ?? 0)
        .u32(socketBuffer.ingress_ifindex, context.ingressIfindex ?? 0)
        .u32(socketBuffer.ifindex, context.ifindex ?? 0);
      options
        .pointer(run.ctx_in, before.bytes)
        .pointer(run.ctx_out, after.bytes)
        .u32(run.ctx_size_in, socketBuffer.size)
        .u32(run.ctx_size_out, socketBuffer.size);
    }
    check(native().testRun(this.fd, options.bytes) as number, "bpf_prog_test_run_opts", `program ${this.name}`);
    return {
      returnValue: options.view.getInt32(run.retval, true),
      data: out.subarray(0, options.view.getUint32(run.data_size_out, true)),
      mark: after.view.getUint32(socketBuffer.mark, true),
      duration: options.view.getUint32(run.duration, true),
    };
  }

  [Symbol.dispose](): void {
    this.#descriptor[Symbol.dispose]();
  }
}

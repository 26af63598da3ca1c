import { check } from "./errors.ts";
import { BpfLink } from "./link.ts";
import { abi } from "./native/abi.ts";
import { native } from "./native/library.ts";
import { Struct } from "./native/struct.ts";
import type { Program } from "./program.ts";

/** `BPF_XDP` of `enum bpf_attach_type`. Links since Linux 5.9. */
const attachType = 37;

/** A program on an interface's XDP hook: in the driver where that can, else in the kernel's generic code. */
export class XdpLink extends BpfLink {
  static attach(program: Program, ifindex: number): XdpLink {
    const options = Struct.sized(abi.bpf_link_create_opts.size);
    const result = native().linkCreate(program.fd, ifindex, attachType, options.bytes) as number;
    return new XdpLink(check(result, "bpf_link_create", `program ${program.name} on interface ${ifindex}`));
  }
}

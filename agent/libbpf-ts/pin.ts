import { readlinkSync } from "node:fs";
import { BpfError, check } from "./errors.ts";
import { native } from "./native/library.ts";

/** What `/proc/self/fd` shows of descriptors; it is `bpf_link` and `bpf-map`. */
const kinds = { map: /bpf.map/, program: /bpf.prog/, link: /bpf.link/ } as const;

/**
 * The descriptor of what is pinned at a path.
 *
 * @throws BpfError `not-found` when nothing is there, `incompatible` when it is of another kind.
 */
export function openPin(path: string, kind: keyof typeof kinds): number {
  const fd = check(native().objGet(path) as number, "bpf_obj_get", path);
  const what = readlinkSync(`/proc/self/fd/${fd}`);
  if (kinds[kind].test(what)) return fd;
  native().close(fd);
  throw new BpfError("incompatible", "bpf_obj_get", `${path} is ${what}, not a ${kind}`);
}

import { rmSync } from "node:fs";
import { Descriptor } from "./descriptor.ts";
import { check } from "./errors.ts";
import { type LinkInfo, linkInfo } from "./info.ts";
import { native } from "./native/library.ts";
import { openPin } from "./pin.ts";
import type { Program } from "./program.ts";

/** A program on a hook, until the link's last holder (process or pin) lets go. */
export class BpfLink implements Disposable {
  readonly #descriptor: Descriptor;

  protected constructor(fd: number) {
    this.#descriptor = new Descriptor(fd, "link");
  }

  static openPinned(path: string): BpfLink {
    return new BpfLink(openPin(path, "link"));
  }

  static unpin(path: string): void {
    rmSync(path, { force: true });
  }

  get fd(): number {
    return this.#descriptor.fd;
  }

  get info(): LinkInfo {
    return linkInfo(this.fd);
  }

  /** Replaces the program without a packet that meets none or both. */
  update(program: Program): void {
    const result = native().linkUpdate(this.fd, program.fd, null) as number;
    check(result, "bpf_link_update", `program ${program.name}`);
  }

  pin(path: string): void {
    check(native().objPin(this.fd, path) as number, "bpf_obj_pin", `link at ${path}`);
  }

  [Symbol.dispose](): void {
    this.#descriptor[Symbol.dispose]();
  }
}

import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { BpfError, BpfLink, type Program, XdpLink } from "libbpf-ts";
import type { AttachedProgram } from "./spec.ts";

/**
 * One program on the XDP hook of interfaces: a link each, pinned as `INTERFACE` in a folder of their own,
 * which outlives this process and goes with its interface.
 */
export class XdpHooks {
  readonly #folder: string;
  readonly #program: Program;

  constructor(linkFolder: string, program: Program) {
    this.#folder = linkFolder;
    this.#program = program;
    mkdirSync(linkFolder, { recursive: true, mode: 0o700 });
  }

  /** Attaches the program, or puts it in the place of an older one. False: the interface, or who is there already, does not let it. */
  attach(ifindex: number, name: string): boolean {
    const path = this.#path(name);
    if (this.#adopt(path, ifindex)) return true;
    try {
      using link = XdpLink.attach(this.#program, ifindex);
      link.pin(path);
      return true;
    } catch (error) {
      if (error instanceof BpfError) return false;
      throw error;
    }
  }

  /** Idempotent. */
  detach(name: string): void {
    BpfLink.unpin(this.#path(name));
  }

  /** Where it stands. */
  places(): AttachedProgram[] {
    const { id, tag } = this.#program.info;
    return this.list().flatMap((name) => {
      using link = BpfLink.openPinned(this.#path(name));
      const { programId, ifindex } = link.info;
      // A link whose interface is gone holds on to nothing.
      if (programId !== id || ifindex === 0) return [];
      return [{ interface: name, hook: "xdp", attach: "xdp", program: this.#program.name, programId, tag } as const];
    });
  }

  /** Interfaces that it was attached to, and not detached from; some may be gone. */
  list(): string[] {
    return readdirSync(this.#folder).map((file) => decodeURIComponent(file));
  }

  #path(name: string): string {
    // A BPF file system takes no dots.
    return join(this.#folder, encodeURIComponent(name).replaceAll(".", "%2E"));
  }

  /** Takes over a pinned link of this interface; one of a vanished interface is dropped. */
  #adopt(path: string, ifindex: number): boolean {
    if (!existsSync(path)) return false;
    using link = BpfLink.openPinned(path);
    const { ifindex: held, programId } = link.info;
    if (held !== ifindex) {
      BpfLink.unpin(path);
      return false;
    }
    if (programId !== this.#program.info.id) link.update(this.#program);
    return true;
  }
}

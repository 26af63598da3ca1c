import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import {
  attachClsact,
  BpfError,
  type ClsactPlace,
  detachClsact,
  type Program,
  queryClsact,
  queryTcx,
  type TcDirection,
  TcxLink,
} from "libbpf-ts";
import type { AttachedProgram, HookSpec } from "./spec.ts";

const directions = ["ingress", "egress"] as const;
/** Our place among the filters of a clsact. */
export const filterPlace = { handle: 0x5712, priority: 1 } as const;

export interface InterfaceHooksOptions {
  /** Where links are pinned; of this set of interfaces alone. */
  readonly linkFolder: string;
  readonly programs: ReadonlyMap<string, Program>;
  readonly spec: HookSpec;
  readonly tcx: boolean;
}

/**
 * The two programs on the tc hooks of interfaces. With tcx each is a link, pinned as
 * `INTERFACE-DIRECTION`, which outlives this process and goes with its interface.
 * Without tcx it is a filter, which does the same; a pin of its program marks it.
 *
 * A link costs an RCU grace period each, too long for a pod that waits. So with tcx a new
 * interface gets filters at once, which judge as well, and {@link InterfaceHooks.settle}
 * puts links in their place when nobody waits. In between a packet may meet both: the link
 * first, and then the filter, which finds the same verdict.
 */
export class InterfaceHooks {
  readonly #options: InterfaceHooksOptions;
  readonly #folder: string;
  /** Interfaces that were attached to in this life, by name. */
  readonly #attached = new Map<string, number>();

  constructor(options: InterfaceHooksOptions) {
    this.#options = options;
    this.#folder = options.linkFolder;
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  /** Attaches both programs, or puts the present ones in the place of older ones. Idempotent. */
  attach(ifindex: number, name: string): void {
    for (const direction of directions) {
      const program = this.#program(direction);
      const path = this.#path(name, direction);
      if (this.#options.tcx && this.#adopt(path, ifindex, program)) {
        // Left by a life that ended between the link and its filter.
        if (queryClsact({ ifindex, direction, ...filterPlace }) !== null)
          detachClsact({ ifindex, direction, ...filterPlace });
        continue;
      }
      if (!this.#options.tcx) this.#mark(path, program);
      attachClsact(program, { ifindex, direction, ...filterPlace });
    }
    this.#attached.set(name, ifindex);
  }

  /** Whether an interface's programs stand where they shall stay. */
  isSettled(name: string): boolean {
    return this.#unsettled(name).length === 0;
  }

  /**
   * Puts links in the place of filters, in the network namespace of the process. Idempotent;
   * does nothing for an interface that is detached meanwhile.
   */
  async settle(ifindex: number, name: string): Promise<void> {
    for (const direction of this.#unsettled(name)) {
      using link = await TcxLink.attachFirstAsync(this.#program(direction), ifindex, direction);
      if (this.#attached.get(name) !== ifindex) return;
      this.#settle(link, { ifindex, direction, ...filterPlace }, name);
    }
  }

  /** As {@link settle}, in the network namespace of the calling thread, which waits. */
  settleSync(ifindex: number, name: string): void {
    for (const direction of this.#unsettled(name)) {
      using link = TcxLink.attachFirst(this.#program(direction), ifindex, direction);
      this.#settle(link, { ifindex, direction, ...filterPlace }, name);
    }
  }

  /** Idempotent; `ifindex` is needed for clsact only, and may be gone. */
  detach(name: string, ifindex: number | null): void {
    this.#attached.delete(name);
    for (const direction of directions) {
      if (ifindex !== null) detachClsact({ ifindex, direction, ...filterPlace });
      TcxLink.unpin(this.#path(name, direction));
    }
  }

  /** What is missing or in front of us, in sentences. */
  check(ifindex: number, name: string): string[] {
    return directions.flatMap((direction) => {
      const program = this.#program(direction);
      const place: ClsactPlace = { ifindex, direction, ...filterPlace };
      const where = `${direction} of ${name}`;
      if (!this.#options.tcx) {
        return queryClsact(place) === program.info.id ? [] : [`program ${program.name} is not attached to ${where}`];
      }
      if (queryClsact(place) === program.info.id) return []; // not settled yet
      const there = this.#query(ifindex, direction);
      const position = there.findIndex(({ programId }) => programId === program.info.id);
      if (position < 0) return [`program ${program.name} is not attached to ${where}`];
      if (!existsSync(this.#path(name, direction))) return [`the link of ${program.name} on ${where} is not pinned`];
      return position > 0 ? [`${position} other program(s) run before ${program.name} on ${where}`] : [];
    });
  }

  /** The programs of all interfaces, as the kernel has them. @param index of an interface that is there. */
  places(index: (name: string) => number | null): AttachedProgram[] {
    // Those that are not settled yet have no pins of links.
    const names = new Set([...this.list(), ...this.#attached.keys()]);
    return [...names].flatMap((name) => {
      const ifindex = index(name);
      return directions.flatMap((direction) => this.#place(name, direction, ifindex));
    });
  }

  #place(name: string, direction: TcDirection, ifindex: number | null): AttachedProgram[] {
    if (ifindex === null) return [];
    const program = this.#program(direction);
    const { id, tag } = program.info;
    const isFilter = queryClsact({ ifindex, direction, ...filterPlace }) === id;
    if (!isFilter && !this.#query(ifindex, direction).some(({ programId }) => programId === id)) return [];
    const attach = isFilter ? "clsact" : "tcx";
    return [{ interface: name, hook: direction, attach, program: program.name, programId: id, tag }];
  }

  /** Interfaces that hooks were attached to, and not detached from; some may be gone. */
  list(): string[] {
    const names = readdirSync(this.#folder).map((file) => decodeURIComponent(file.replace(/-(in|e)gress$/, "")));
    return [...new Set(names)];
  }

  /** Whether one of our programs is on this very interface, and not on an earlier one of its name. */
  holds(ifindex: number, name: string): boolean {
    return directions.some((direction) => {
      const path = this.#path(name, direction);
      if (!existsSync(path)) return false;
      if (!this.#options.tcx) return queryClsact({ ifindex, direction, ...filterPlace }) !== null;
      using link = TcxLink.openPinned(path);
      return link.info.ifindex === ifindex;
    });
  }

  #unsettled(name: string): TcDirection[] {
    return this.#options.tcx ? directions.filter((direction) => !existsSync(this.#path(name, direction))) : [];
  }

  #settle(link: TcxLink, place: ClsactPlace, name: string): void {
    link.pin(this.#path(name, place.direction));
    detachClsact(place);
  }

  #program(direction: TcDirection): Program {
    const name = this.#options.spec[direction];
    const program = this.#options.programs.get(name);
    if (!program) throw new Error(`attach ${name}: the object has no such program`);
    return program;
  }

  #path(name: string, direction: TcDirection): string {
    // A BPF file system takes no dots.
    return join(this.#folder, `${encodeURIComponent(name).replaceAll(".", "%2E")}-${direction}`);
  }

  /** A filter has no link to pin. Its program is pinned instead, before it is attached, for {@link list}. */
  #mark(path: string, program: Program): void {
    TcxLink.unpin(path);
    program.pin(path);
  }

  #query(ifindex: number, direction: TcDirection): { programId: number }[] {
    try {
      return queryTcx(ifindex, direction);
    } catch (error) {
      if (error instanceof BpfError) return [];
      throw error;
    }
  }

  /** Takes over a pinned link of this interface; one of a vanished interface is dropped. */
  #adopt(path: string, ifindex: number, program: Program): boolean {
    if (!existsSync(path)) return false;
    using link = TcxLink.openPinned(path);
    const { ifindex: held, programId } = link.info;
    if (held !== ifindex) {
      TcxLink.unpin(path);
      return false;
    }
    if (programId !== program.info.id) link.update(program);
    return true;
  }
}

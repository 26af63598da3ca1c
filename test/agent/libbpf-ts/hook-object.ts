import { BpfMap, BpfObject, bytes, type MapHandle, type Program, u32 } from "libbpf-ts";
import { bpfFixture } from "#test/support/bpf-fixture.ts";

/** `TC_ACT_UNSPEC`, which lets the next program decide, and `TC_ACT_SHOT`. */
export const Action = { NEXT: -1, SHOT: 2 } as const;

/** The loaded object of `test/fixtures/bpf/hooks.c`: programs that count and answer one and the same action. */
export class HookObject implements Disposable {
  readonly #object: BpfObject;
  readonly #slots: MapHandle;
  /** For the tc ingress of a device. */
  readonly inward: Program;
  /** For the tc egress. */
  readonly outward: Program;

  constructor(action: number = Action.NEXT) {
    this.#object = BpfObject.open(bpfFixture("hooks"), "hooks");
    const data = Buffer.alloc(4);
    data.writeInt32LE(action);
    this.#object.setInitialValue(".rodata.config", data);
    this.#object.load();
    this.#slots = this.#object.map("slots");
    this.inward = this.#object.program("inward");
    this.outward = this.#object.program("outward");
  }

  /** Packets that a program has counted. */
  packets(program: "inward" | "outward"): bigint {
    const value = new BpfMap(this.#slots, u32, bytes(16)).get(program === "inward" ? 0 : 1);
    return value ? new DataView(value.buffer).getBigUint64(0, true) : 0n;
  }

  [Symbol.dispose](): void {
    this.inward[Symbol.dispose]();
    this.outward[Symbol.dispose]();
    this.#slots[Symbol.dispose]();
    this.#object[Symbol.dispose]();
  }
}

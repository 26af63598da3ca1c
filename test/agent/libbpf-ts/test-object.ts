import { BpfObject, type Codec, type MapHandle, type Program, type TestResult } from "libbpf-ts";
import { bpfFixture } from "#test/support/bpf-fixture.ts";

export interface Pair {
  readonly first: number;
  readonly second: number;
}

/** `struct pair` of `test/fixtures/bpf/maps.c`. */
export const pair: Codec<Pair> = {
  size: 8,
  encode(value, view, offset) {
    view.setUint32(offset, value.first, true);
    view.setUint32(offset + 4, value.second, true);
  },
  decode: (view, offset) => ({
    first: view.getUint32(offset, true),
    second: view.getUint32(offset + 4, true),
  }),
};

/** The loaded object of `maps.c`. */
export class TestObject implements Disposable {
  readonly object: BpfObject;

  constructor(prepare: (object: BpfObject) => void = () => undefined) {
    this.object = BpfObject.open(bpfFixture("maps"), "maps");
    prepare(this.object);
    this.object.load();
  }

  map(name: string): MapHandle {
    return this.object.map(name);
  }

  /** Runs a program on a packet of a length, with a mark. */
  run(program: string, { length = 64, mark = 0, repeat = 1 } = {}): TestResult {
    using held: Program = this.object.program(program);
    return held.testRun({ data: new Uint8Array(length), context: { mark }, repeat });
  }

  [Symbol.dispose](): void {
    this.object[Symbol.dispose]();
  }
}

/**
 * Writes pcapng: draft-ietf-opsawg-pcapng-03, the format of Wireshark's files. Section numbers are that document's. One section, in
 * little-endian order; times in nanoseconds.
 */

const BLOCK = { section: 0x0a0d0d0a, interface: 1, statistics: 5, packet: 6 } as const;
const LINKTYPE_ETHERNET = 1;
const END = { code: 0, value: new Uint8Array() };

/** Section 3.5: option codes that every block may have, and those of the blocks that we write. */
const OPTION = {
  comment: 1,
  userApplication: 4,
  interfaceName: 2,
  timeResolution: 9,
  packetFlags: 2,
  packetVerdict: 7,
  droppedBySystem: 7,
} as const;

/** Of an option's value: its length has 16 bits, and comments have names in them that somebody chose. */
const commentBytes = 4096;

/** Section 4.3.1: which way, of `epb_flags`. */
const ways = { in: 1, out: 2 } as const;

/** Section 4.3: `epb_verdict` of a tc program, and TC_ACT_SHOT. */
const verdictDropped = Uint8Array.of(1, 2, 0, 0, 0, 0, 0, 0, 0);

export interface PcapngPacket {
  readonly interface: string;
  /** ns since 1970. */
  readonly time: bigint;
  readonly way: keyof typeof ways;
  /** As it was; `bytes` are the first of it. */
  readonly length: number;
  readonly bytes: Uint8Array;
  readonly comment: string;
}

/** One file: its blocks in their order. */
export class Pcapng {
  readonly #snaplen: number;
  /** Numbers of interfaces, by their names. */
  readonly #interfaces = new Map<string, number>();

  /** @param snaplen most bytes of a packet. */
  constructor(snaplen: number) {
    this.#snaplen = snaplen;
  }

  /** Section 4.1: what a file begins with. */
  begin(application: string): Uint8Array {
    const body = new DataView(new ArrayBuffer(16));
    body.setUint32(0, 0x1a2b3c4d, true);
    body.setUint16(4, 1, true);
    // How long the section is, nobody knows yet.
    body.setBigInt64(8, -1n, true);
    return block(BLOCK.section, bytesOf(body), [{ code: OPTION.userApplication, value: utf8(application) }]);
  }

  /** Section 4.3, behind the interface's own block (4.2) where it is the first packet of one. All that is written here was dropped. */
  packet({ interface: name, time, way, length, bytes, comment }: PcapngPacket): Uint8Array {
    const known = this.#interfaces.get(name);
    const number = known ?? this.#interfaces.size;
    this.#interfaces.set(name, number);
    const head = new DataView(new ArrayBuffer(20));
    head.setUint32(0, number, true);
    setTime(head, 4, time);
    head.setUint32(12, bytes.length, true);
    head.setUint32(16, length, true);
    const packet = block(BLOCK.packet, Buffer.concat([bytesOf(head), padded(bytes)]), [
      { code: OPTION.comment, value: utf8(comment) },
      { code: OPTION.packetFlags, value: Uint8Array.of(ways[way], 0, 0, 0) },
      { code: OPTION.packetVerdict, value: verdictDropped },
    ]);
    return known === undefined ? Buffer.concat([this.#interface(name), packet]) : packet;
  }

  /** Section 4.6: how many packets are missing. Nothing where there is no interface to say it of. */
  lost(count: number, time: bigint): Uint8Array {
    if (this.#interfaces.size === 0) return new Uint8Array();
    const head = new DataView(new ArrayBuffer(12));
    setTime(head, 4, time);
    const value = new DataView(new ArrayBuffer(8));
    value.setBigUint64(0, BigInt(count), true);
    return block(BLOCK.statistics, bytesOf(head), [
      { code: OPTION.comment, value: utf8(`${count} dropped packets of all interfaces are missing`) },
      { code: OPTION.droppedBySystem, value: bytesOf(value) },
    ]);
  }

  #interface(name: string): Uint8Array {
    const body = new DataView(new ArrayBuffer(8));
    body.setUint16(0, LINKTYPE_ETHERNET, true);
    body.setUint32(4, this.#snaplen, true);
    return block(BLOCK.interface, bytesOf(body), [
      { code: OPTION.interfaceName, value: utf8(name) },
      { code: OPTION.timeResolution, value: Uint8Array.of(9) },
    ]);
  }
}

interface Option {
  readonly code: number;
  readonly value: Uint8Array;
}

/** Section 3.1: its length stands before and behind it. */
function block(type: number, body: Uint8Array, options: readonly Option[]): Uint8Array {
  const parts = [
    body,
    ...[...options, END].flatMap(({ code, value }) => [optionHead(code, value.length), padded(value)]),
  ];
  const total = 12 + parts.reduce((sum, part) => sum + part.length, 0);
  const head = new DataView(new ArrayBuffer(8));
  head.setUint32(0, type, true);
  head.setUint32(4, total, true);
  return Buffer.concat([bytesOf(head), ...parts, bytesOf(head).subarray(4)]);
}

function optionHead(code: number, length: number): Uint8Array {
  const head = new DataView(new ArrayBuffer(4));
  head.setUint16(0, code, true);
  head.setUint16(2, length, true);
  return bytesOf(head);
}

/** To a multiple of 4 bytes. */
function padded(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  whole.set(bytes);
  return whole;
}

/** Section 4.3: the high half goes first. */
function setTime(view: DataView, at: number, time: bigint): void {
  view.setUint32(at, Number(time >> 32n), true);
  view.setUint32(at + 4, Number(time & 0xffff_ffffn), true);
}

/** Cut between characters. */
function utf8(text: string): Uint8Array {
  const bytes = new Uint8Array(commentBytes);
  return bytes.subarray(0, new TextEncoder().encodeInto(text, bytes).written);
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer);
}

import type { Socket } from "node:net";

/** Up to where a copy is cheaper than a second piece for the kernel, in bytes. */
const COPIED = 8192;

/** Collects what is to go to a peer, so that a head and a small body are one write. Text is Latin-1. */
export class Output {
  readonly #socket: Socket;
  #text = "";

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Whether the peer reads more slowly than we write. */
  get isFull(): boolean {
    return this.#socket.writableNeedDrain;
  }

  text(text: string): void {
    this.#text += text;
  }

  data(data: Buffer): void {
    if (data.length <= COPIED) this.#text += data.toString("latin1");
    else {
      this.#socket.cork();
      this.flush();
      this.#socket.write(data);
      this.#socket.uncork();
    }
    if (this.#text.length > COPIED) this.flush();
  }

  flush(): void {
    if (this.#text === "") return;
    const text = this.#text;
    this.#text = "";
    this.#socket.write(text, "latin1");
  }
}

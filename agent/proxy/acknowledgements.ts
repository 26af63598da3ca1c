import type { ControlConnection } from "./control-connection.ts";

/** Who is told when all have what it has sent. */
export interface Sender {
  acknowledged(version: number): void;
}

interface Waiting {
  readonly sender: Sender;
  readonly version: number;
  readonly revision: number;
  /** How much the successor had been sent by then. */
  readonly sent: number;
}

/** Updates of rules that not all have yet who serve connections: the own children, and a successor that is taking over. */
export class Acknowledgements {
  readonly #childrenHave: (revision: number) => boolean;
  #waiting: Waiting[] = [];
  #successor: ControlConnection | null = null;
  #sent = 0;
  #taken = 0;

  constructor(childrenHave: (revision: number) => boolean) {
    this.#childrenHave = childrenHave;
  }

  get successor(): ControlConnection | null {
    return this.#successor;
  }

  /** Null: it has gone, and is waited for no longer. */
  set successor(successor: ControlConnection | null) {
    this.#successor = successor;
    this.#sent = 0;
    this.#taken = 0;
    this.#waiting = this.#waiting.map((one) => ({ ...one, sent: 0 }));
    this.look();
  }

  /** The successor was sent an update. */
  sent(): void {
    this.#sent++;
  }

  /** The successor has acknowledged one, in their order. */
  taken(): void {
    this.#taken++;
    this.look();
  }

  expect(sender: Sender, version: number, revision: number): void {
    this.#waiting.push({ sender, version, revision, sent: this.#sent });
    this.look();
  }

  /** Tells those for whom there is nothing left to wait for. */
  look(): void {
    const isDone = ({ revision, sent }: Waiting): boolean => this.#taken >= sent && this.#childrenHave(revision);
    const done = this.#waiting.filter(isDone);
    if (done.length === 0) return;
    this.#waiting = this.#waiting.filter((one) => !done.includes(one));
    for (const { sender, version } of done) sender.acknowledged(version);
  }
}

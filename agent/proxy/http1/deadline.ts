/** Something that happens after a time, unless it is called off. */
export class Deadline {
  readonly #happens: () => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(happens: () => void) {
    this.#happens = happens;
  }

  /** Runs once; begun again while it runs it keeps its time. @param time in ms. */
  begin(time: number): void {
    this.#timer ??= setTimeout(this.#happens, time);
  }

  callOff(): void {
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#timer = null;
  }
}

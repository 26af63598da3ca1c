import { appendFileSync, writeSync } from "node:fs";

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

/** Writes JSON lines; never to stdout, which is the result's. */
export class Log {
  readonly #least: number;
  readonly #file: string | undefined;
  readonly #fields: Readonly<Record<string, unknown>>;

  /**
   * @param file without one, lines go to stderr.
   * @param fields stand in every line.
   */
  constructor(least: LogLevel, file: string | undefined, fields: Readonly<Record<string, unknown>>) {
    this.#least = logLevels.indexOf(least);
    this.#file = file;
    this.#fields = fields;
  }

  write(level: LogLevel, message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    if (logLevels.indexOf(level) < this.#least) return;
    const time = new Date().toISOString();
    const line = `${JSON.stringify({ level, time, ...this.#fields, ...fields, msg: message })}\n`;
    try {
      if (this.#file === undefined) writeSync(2, line);
      else appendFileSync(this.#file, line, { mode: 0o640 });
    } catch (error) {
      // A log that cannot be written must not keep a container from its network; say so once more, elsewhere.
      if (this.#file !== undefined) writeSync(2, `write log ${this.#file}: ${(error as Error).message}\n${line}`);
    }
  }
}

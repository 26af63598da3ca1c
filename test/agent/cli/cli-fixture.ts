import { Readable, Writable } from "node:stream";
import type { Io } from "#agent/cli/cli.ts";
import { run } from "#agent/cli/run.ts";

export interface Outcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

class TextSink extends Writable {
  text = "";
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

/** Runs `weir` in this process; nothing is a terminal. */
export async function weir(runDir: string, ...argv: readonly string[]): Promise<Outcome> {
  const stdout = new TextSink();
  const stderr = new TextSink();
  const io: Io = {
    stdin: Readable.from([]),
    stdout,
    stderr,
    environment: { WEIR_RUN_DIR: runDir },
    signal: new AbortController().signal,
  };
  const exitCode = await run(argv, io);
  return { exitCode, stdout: stdout.text, stderr: stderr.text };
}

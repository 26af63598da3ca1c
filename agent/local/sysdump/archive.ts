import { constants, createWriteStream, openSync } from "node:fs";
import { rm } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { createGzip } from "node:zlib";
import { createTarPacker } from "modern-tar";

/** A gzip-compressed tar file that is written while its parts come; a new one, for its owner alone. */
export class Archive implements AsyncDisposable {
  readonly #path: string;
  readonly #packer = createTarPacker();
  readonly #done: Promise<void>;
  readonly #time = new Date();
  #written = 0;
  #isWhole = false;

  /** @throws `EEXIST` where there is such a file, or a link of that name. */
  constructor(path: string) {
    const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
    this.#path = path;
    const count = async function* (this: Archive, pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const piece of pieces) {
        this.#written += piece.length;
        yield piece;
      }
    }.bind(this);
    const packed = Readable.fromWeb(this.#packer.readable as ReadableStream<Uint8Array>);
    this.#done = pipeline(packed, createGzip({ level: 9 }), count, createWriteStream(path, { fd }));
    // Told by what waits for it.
    this.#done.catch(() => undefined);
  }

  /** Compressed bytes so far. */
  get written(): number {
    return this.#written;
  }

  async add(path: string, content: Uint8Array): Promise<void> {
    const { controller } = this.#packer;
    // Whoever unpacks it has one folder more, not many files.
    const name = `weir-sysdump/${path}`;
    const entry = controller.add({ name, size: content.length, mode: 0o600, mtime: this.#time, type: "file" });
    const writer = entry.getWriter();
    const write = async (): Promise<void> => {
      await writer.write(content);
      await writer.close();
    };
    // A file that cannot be written ends all of it, and nobody takes the rest.
    await Promise.race([write(), this.#done]);
  }

  async close(): Promise<void> {
    this.#packer.controller.finalize();
    await this.#done;
    this.#isWhole = true;
  }

  /** Leaves no half of an archive. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isWhole) return;
    this.#packer.controller.error(new Error("it is not finished"));
    await this.#done.catch(() => undefined);
    await rm(this.#path, { force: true });
  }
}

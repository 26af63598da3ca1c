import { constants } from "node:fs";
import { open } from "node:fs/promises";

export interface FileText {
  readonly text: string;
  /** Bytes that were left out. */
  readonly left: number;
}

/**
 * The beginning, or the end, of a regular file. No link is followed and no pipe waited for: whoever may put names
 * into a folder must not choose what is read.
 *
 * @throws Error where there is none, or something else.
 */
export async function readBounded(path: string, max: number, from: "start" | "end" = "start"): Promise<FileText> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error(`read ${path}: it is no regular file`);
    const buffer = Buffer.alloc(max);
    // What /proc has says that it has no size.
    const position = from === "end" ? Math.max(0, stat.size - max) : 0;
    let length = 0;
    while (length < max) {
      const { bytesRead } = await file.read(buffer, length, max - length, position + length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return { text: buffer.toString("utf8", 0, length), left: Math.max(0, stat.size - length) };
  } finally {
    await file.close();
  }
}

import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { reading } from "./unreadable.ts";

export interface ObjectText {
  readonly text: string;
  readonly file: string;
}

/** Whether a path is a folder; false also where there is nothing. */
export async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/**
 * The texts of a folder of objects: files ending in `.yaml`, `.yml` or `.json`, by name.
 *
 * @param nameOf What a file is called in errors and places; else by its path in the folder.
 * @throws UnreadableError when the folder or a file cannot be read.
 */
export async function readObjectTexts(folder: string, nameOf = (name: string): string => name): Promise<ObjectText[]> {
  const all = await reading(folder, "folder", readdir(folder));
  const names = all.filter((name) => /^[^.].*\.(ya?ml|json)$/.test(name)).sort();
  return Promise.all(
    names.map(async (name) => {
      const path = join(folder, name);
      return { text: await reading(path, "file", readFile(path, "utf8")), file: nameOf(name) };
    }),
  );
}

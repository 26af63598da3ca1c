import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface PageFile {
  readonly type: string;
  readonly content: Buffer;
}

/** By path. They tell nothing that is not in every copy of Weir, and can be had by everybody. */
export type PageFiles = ReadonlyMap<string, PageFile>;

const types = {
  "index.html": "text/html; charset=utf-8",
  "page.css": "text/css; charset=utf-8",
  "page.js": "text/javascript; charset=utf-8",
  "icon.svg": "image/svg+xml",
};

/** The page as the build has left it, in `ui` beside the bundle. */
export function readPageFiles(): PageFiles {
  const isSource = import.meta.filename.endsWith(".ts");
  const folder = join(import.meta.dirname, isSource ? "../../dist/lib/ui" : "ui");
  return new Map(
    Object.entries(types).map(([name, type]) => [
      name === "index.html" ? "/" : `/${name}`,
      { type, content: readFileSync(join(folder, name)) },
    ]),
  );
}

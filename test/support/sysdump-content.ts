import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { unpackTar } from "modern-tar";

/** The parts of an archive, as text, by their names. */
export async function unpackSysdump(path: string): Promise<Map<string, string>> {
  const entries = await unpackTar(gunzipSync(readFileSync(path)));
  return new Map(
    entries.map(({ header, data }) => [
      header.name.replace(/^weir-sysdump\//, ""),
      Buffer.from(data ?? new Uint8Array()).toString("utf8"),
    ]),
  );
}

/** Where one of the texts stands, in any of the forms that it could have. */
export function findTexts(parts: ReadonlyMap<string, string>, texts: readonly string[]): string[] {
  const forms = texts.flatMap((text) => [
    text,
    Buffer.from(text).toString("base64").replace(/=+$/, ""),
    encodeURIComponent(text),
  ]);
  return [...parts].flatMap(([name, content]) =>
    forms.filter((form) => content.includes(form) || name.includes(form)).map((form) => `${name}: ${form}`),
  );
}

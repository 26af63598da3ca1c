import { readdirSync, readFileSync, existsSync } from "node:fs";
import { dirname, join, normalize, resolve } from "node:path";

export const root = resolve(import.meta.dirname, "../..");

/** One import of a source file. */
export interface Import {
  /** Path from the root, with slashes. */
  readonly from: string;
  /** Path from the root for our own files, else the specifier: `node:fs`, `yaml`. */
  readonly to: string;
  readonly ours: boolean;
  /** Types only: nothing of it is there at run time. */
  readonly typeOnly: boolean;
  /** `import("...")`: loaded when it is reached. */
  readonly dynamic: boolean;
}

/** Source files of folders, as paths from the root. */
export function sourceFiles(folders: readonly string[], suffix: RegExp): string[] {
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) => `${folder}/${name}`),
    )
    .filter((path) => suffix.test(path) && !path.includes("node_modules/"))
    .toSorted();
}

/** Our two packages by the names that they are imported under. */
const packages: Readonly<Record<string, string>> = {
  "libbpf-ts": "agent/libbpf-ts/index.ts",
  "bpf-loader": "agent/bpf-loader/index.ts",
};

function target(from: string, specifier: string): { to: string; ours: boolean } {
  if (specifier.startsWith(".")) return { to: normalize(join(dirname(from), specifier)), ours: true };
  if (specifier.startsWith("#")) return { to: specifier.slice(1), ours: true };
  const own = packages[specifier];
  return own === undefined ? { to: specifier, ours: false } : { to: own, ours: true };
}

const statement = /^(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gm;
const expression = /\bimport\("([^"]+)"\)/g;

/** Every import of a file. `{ type A, type B }` counts as an import that is there at run time. */
export function importsOf(from: string): Import[] {
  const text = readFileSync(join(root, from), "utf8");
  return [
    ...[...text.matchAll(statement)].map(([, type, specifier = ""]) => ({
      from,
      ...target(from, specifier),
      typeOnly: type !== undefined,
      dynamic: false,
    })),
    ...[...text.matchAll(expression)].map(([, specifier = ""]) => ({
      from,
      ...target(from, specifier),
      typeOnly: false,
      dynamic: true,
    })),
  ];
}

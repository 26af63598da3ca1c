import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "#agent/runtime/errors.ts";
import { readBounded } from "./bounded-file.ts";
import type { Places } from "./machine-parts.ts";
import type { Content, Part } from "./part.ts";
import { partBytes } from "./render.ts";

/** Files of a folder that are told; more are named only. */
const filesMax = 300;

/** Files whose contents are told: networks of CNI, the agent's own records and what was applied. */
export async function fileParts({ cniConfDir, stateDir }: Places): Promise<Part[]> {
  const folders = [
    // Whatever else is in there, such as a kubeconfig, is not.
    { folder: cniConfDir, part: "cni", isTold: (name: string) => /\.(?:conf|conflist|json)$/.test(name) },
    { folder: join(stateDir, "endpoints"), part: "state/endpoints", isTold: (name: string) => name.endsWith(".json") },
    { folder: join(stateDir, "objects"), part: "state/objects", isTold: (name: string) => name.endsWith(".yaml") },
  ];
  const parts = folders.map(async ({ folder, part, isTold }): Promise<Part[]> => {
    const names = (await list(folder)).toSorted();
    const told = names.filter(isTold).slice(0, filesMax);
    const files = told.map((name): Part => ({ name: `${part}/${name}`, read: () => contentOf(join(folder, name)) }));
    return [{ name: `${part}/files.json`, read: () => ({ kind: "json", value: names }) }, ...files];
  });
  return (await Promise.all(parts)).flat();
}

async function contentOf(path: string): Promise<Content> {
  const { text, left } = await readBounded(path, partBytes);
  try {
    return { kind: "json", value: JSON.parse(text) };
  } catch {
    return { kind: "lines", text, left }; // YAML, or half of something
  }
}

/** Names in a folder; none where there is no such folder. */
async function list(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return [];
    throw error;
  }
}

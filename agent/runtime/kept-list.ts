import * as z from "zod";
import { type JsonFile, readJsonFile, writeFileAtomic } from "./files.ts";

/** Reads a list of texts that {@link writeList} kept. @param isValid of each text. */
export function readList(path: string, isValid: (text: string) => boolean): JsonFile<readonly string[]> {
  return readJsonFile(path, z.array(z.string().refine(isValid, "is not one of what is listed here")));
}

export function writeList(path: string, texts: readonly string[]): void {
  writeFileAtomic(path, JSON.stringify(texts));
}

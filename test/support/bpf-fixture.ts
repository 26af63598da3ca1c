import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { compileBpf } from "#bpf/build.ts";
import { TemporaryFolder } from "./temporary-folder.ts";

const folder = resolve(import.meta.dirname, "../fixtures/bpf");

/**
 * The object of `test/fixtures/bpf/NAME.c`.
 *
 * @param edit changes the source before it is compiled, as a later version would be.
 */
export function bpfFixture(name: string, edit: (source: string) => string = (source) => source): Buffer {
  using temporary = new TemporaryFolder();
  const source = temporary.join(`${name}.c`);
  writeFileSync(source, edit(readFileSync(resolve(folder, `${name}.c`), "utf8")));
  const output = temporary.join(`${name}.bpf.o`);
  compileBpf(source, output);
  return readFileSync(output);
}

import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readJsonFile, removeFile, removeTemporaries, writeFileAtomic } from "#agent/runtime/files.ts";
import { isErrno } from "#agent/runtime/errors.ts";
import { type EndpointRecord, endpointRecord } from "./record.ts";

/**
 * The endpoint records in `<state-dir>/endpoints/`, one file each, written atomically.
 *
 * They are about devices of the running kernel, so they are not forced to the disk: an fsync would be a
 * third of an ADD. Those of an earlier boot are dropped unread, whatever a loss of power has left of them.
 */
export class EndpointRecords {
  readonly #folder: string;

  /** @param bootId tells this boot of the machine from every other. */
  constructor(stateDir: string, bootId: string) {
    this.#folder = join(stateDir, "endpoints");
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    removeTemporaries(this.#folder);
    this.#dropOtherBoots(join(stateDir, "boot-id"), bootId);
  }

  /** All records; files that are none are named, and left where they are for a person to look at. */
  read(): { records: EndpointRecord[]; unreadable: string[] } {
    const records: EndpointRecord[] = [];
    const unreadable: string[] = [];
    for (const name of this.#names()) {
      const file = readJsonFile(join(this.#folder, name), endpointRecord);
      if (file.ok) records.push(file.value);
      else unreadable.push(file.message);
    }
    return { records, unreadable };
  }

  write(record: EndpointRecord): void {
    writeFileAtomic(this.#path(record.id), `${JSON.stringify(record, null, 2)}\n`, { durable: false });
  }

  remove(id: number): void {
    removeFile(this.#path(id), { durable: false });
  }

  #dropOtherBoots(path: string, bootId: string): void {
    const before = readIfThere(path);
    if (before === bootId) return;
    // An agent of old did not write down the boot: then what its records say is looked at.
    if (before !== null) for (const name of this.#names()) removeFile(join(this.#folder, name));
    writeFileAtomic(path, bootId);
  }

  #names(): string[] {
    return readdirSync(this.#folder)
      .filter((name) => name.endsWith(".json"))
      .sort();
  }

  #path(id: number): string {
    return join(this.#folder, `${id}.json`);
  }
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
}

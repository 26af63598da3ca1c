import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { readJsonFile, removeFile, removeTemporaries, writeFileAtomic } from "#agent/runtime/files.ts";
import { type EndpointRecord, endpointRecord } from "./record.ts";

/** The endpoint records in `<state-dir>/endpoints/`, one file each, written atomically. */
export class EndpointRecords {
  readonly #folder: string;

  constructor(stateDir: string) {
    this.#folder = join(stateDir, "endpoints");
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    removeTemporaries(this.#folder);
  }

  /** All records; files that are none are named, and left where they are for a person to look at. */
  read(): { records: EndpointRecord[]; unreadable: string[] } {
    const records: EndpointRecord[] = [];
    const unreadable: string[] = [];
    for (const name of readdirSync(this.#folder).sort()) {
      if (!name.endsWith(".json")) continue;
      const file = readJsonFile(join(this.#folder, name), endpointRecord);
      if (file.ok) records.push(file.value);
      else unreadable.push(file.message);
    }
    return { records, unreadable };
  }

  write(record: EndpointRecord): void {
    writeFileAtomic(this.#path(record.id), `${JSON.stringify(record, null, 2)}\n`);
  }

  remove(id: number): void {
    removeFile(this.#path(id));
  }

  #path(id: number): string {
    return join(this.#folder, `${id}.json`);
  }
}

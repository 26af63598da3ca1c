import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { onTestFinished } from "vitest";
import { LastValidFiles } from "#agent/kubernetes/last-valid-files.ts";
import { formatObjectProblem } from "#agent/kubernetes/object-source.ts";
import { ObjectsFolder } from "#agent/kubernetes/objects-folder.ts";
import { SystemClock } from "#agent/runtime/clock.ts";
import { objectKey } from "#policy/model/object.ts";
import { silentLog } from "#test/support/silent-log.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";

/** A folder of objects under a watch, with a state that outlives the watch. */
export class WatchedFolder {
  readonly #root = new TemporaryFolder();
  readonly path = this.#root.join("objects");
  #stop = new AbortController();
  #lastValid: LastValidFiles | null = null;
  folder: ObjectsFolder | null = null;

  constructor() {
    mkdirSync(this.path);
    onTestFinished(() => {
      this.stop();
      this.#root[Symbol.dispose]();
    });
  }

  file(name: string): string {
    return this.#root.join("objects", name);
  }

  write(name: string, text: string): void {
    writeFileSync(this.file(name), text);
  }

  moveTo(path: string): void {
    renameSync(this.path, this.#root.join(path));
  }

  moveBack(path: string): void {
    renameSync(this.#root.join(path), this.path);
  }

  start(): ObjectsFolder {
    this.stop();
    this.#stop = new AbortController();
    this.#lastValid = new LastValidFiles(this.#root.join("last-valid"));
    const now = (): bigint => process.hrtime.bigint();
    const clock = new SystemClock({ boot: now, real: now });
    const { path } = this;
    const { signal } = this.#stop;
    this.folder = new ObjectsFolder({ path, lastValid: this.#lastValid, clock, log: silentLog(), signal, rescan: 100 });
    return this.folder;
  }

  stop(): void {
    this.#stop.abort();
    this.#lastValid?.[Symbol.dispose]();
    this.#lastValid = null;
  }

  /** `a.yaml: NetworkPolicy/shop/web` for every object. */
  readonly objects = (): string[] =>
    (this.folder?.current().groups ?? []).flatMap(({ objects }) =>
      objects.map((object) => `${object.source.file}: ${objectKey(object)}`),
    );

  readonly problems = (): string[] => (this.folder?.current().problems ?? []).map(formatObjectProblem);
}

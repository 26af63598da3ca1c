import { expect, test } from "vitest";
import { MergedObjects, type ObjectSnapshot } from "#agent/kubernetes/merged-objects.ts";
import {
  formatObjectProblem,
  Listeners,
  type ObjectSource,
  type SourceState,
} from "#agent/kubernetes/object-source.ts";
import { objectKey } from "#policy/model/object.ts";
import { parseObjects } from "#policy/parse/objects.ts";
import { policyYaml } from "./objects.ts";

/** A source that gives what a test says: files by name, with the policies in them. */
class FakeSource implements ObjectSource {
  readonly #listeners = new Listeners();
  #state: SourceState = { groups: [], problems: [] };

  set(files: Record<string, string[]>): this {
    const groups = Object.entries(files).map(([file, names]) => {
      const parsed = parseObjects(names.map((name) => policyYaml(name)).join("---\n"), file);
      return { id: file, objects: parsed.ok ? parsed.objects : [] };
    });
    this.#state = { groups, problems: [] };
    this.#listeners.notify();
    return this;
  }

  current(): SourceState {
    return this.#state;
  }

  text(key: string): { text: string; line: number } | null {
    const isHere = this.#state.groups.some(({ objects }) => objects.some((object) => objectKey(object) === key));
    return isHere ? { text: key, line: 1 } : null;
  }

  onChange(listener: () => void): Disposable {
    return this.#listeners.add(listener);
  }
}

function summary({ objects, problems }: ObjectSnapshot): { objects: string[]; problems: string[] } {
  return {
    objects: objects.map(({ name, source }) => `${name} of ${source.file}`),
    problems: problems.map(formatObjectProblem),
  };
}

test("an object that two files define is told with both places, and the first stays", () => {
  const source = new FakeSource().set({ "a.yaml": ["x"], "b.yaml": ["y", "x"] });
  using merged = new MergedObjects([source]);
  expect(summary(merged.current())).toEqual({
    objects: ["x of a.yaml", "y of b.yaml"],
    problems: [
      "b.yaml:14: metadata.name: NetworkPolicy/shop/x is already defined at a.yaml:1; that one stays in force",
    ],
  });
});

test("the one in force stays also against one that would stand before it, until it is gone", () => {
  const [folder, applied] = [new FakeSource(), new FakeSource().set({ applied: ["x"] })];
  using merged = new MergedObjects([folder, applied]);
  folder.set({ "a.yaml": ["x"] });
  expect(summary(merged.current()).objects).toEqual(["x of applied"]);
  expect(merged.current().problems).toHaveLength(1);
  applied.set({});
  expect(summary(merged.current())).toEqual({ objects: ["x of a.yaml"], problems: [] });
});

test("a reader gets the present snapshot and then the newest, and none twice", async () => {
  const source = new FakeSource().set({ "a.yaml": ["x"] });
  using merged = new MergedObjects([source]);
  const stop = new AbortController();
  const reader = merged.snapshots(stop.signal)[Symbol.asyncIterator]();
  const next = async (): Promise<string[]> => summary((await reader.next()).value as ObjectSnapshot).objects;
  expect(await next()).toEqual(["x of a.yaml"]);
  source.set({ "a.yaml": ["y"] });
  source.set({ "a.yaml": ["z"] });
  expect(await next()).toEqual(["z of a.yaml"]);
  const waiting = reader.next();
  stop.abort();
  expect((await waiting).done).toBe(true);
});

import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { policyYaml } from "./objects.ts";
import { WatchedFolder } from "./watched-folder.ts";

const BROKEN = policyYaml("web").replace("podSelector: {}", "podSelector: 7");

test("all YAML and JSON files are read at once, hidden and other files and subfolders are not", () => {
  const watched = new WatchedFolder();
  watched.write("b.yml", policyYaml("b"));
  watched.write("a.yaml", `${policyYaml("a")}---\n${policyYaml("a2")}`);
  watched.write("c.json", '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}');
  for (const name of [".hidden.yaml", "a.yaml~", "notes.txt", ".a.yaml.swp"]) watched.write(name, "nonsense: [");
  mkdirSync(watched.file("sub"));
  watched.start();
  expect(watched.objects()).toEqual([
    "a.yaml: NetworkPolicy/shop/a",
    "a.yaml: NetworkPolicy/shop/a2",
    "b.yml: NetworkPolicy/shop/b",
    "c.json: Namespace//shop",
  ]);
  expect(watched.problems()).toEqual([]);
});

test("files that come, change and go are followed", async () => {
  const watched = new WatchedFolder();
  watched.start();
  watched.write("a.yaml", policyYaml("a"));
  await expect.poll(watched.objects).toEqual(["a.yaml: NetworkPolicy/shop/a"]);
  watched.write("a.yaml", policyYaml("b"));
  await expect.poll(watched.objects).toEqual(["a.yaml: NetworkPolicy/shop/b"]);
  rmSync(watched.file("a.yaml"));
  await expect.poll(watched.objects).toEqual([]);
});

test("a file that becomes malformed is refused whole, located, and leaves what it gave", async () => {
  const watched = new WatchedFolder();
  watched.write("a.yaml", policyYaml("web"));
  watched.start();
  watched.write("a.yaml", `${policyYaml("more")}---\n${BROKEN}`);
  await expect
    .poll(watched.problems)
    .toEqual([expect.stringMatching(/^a\.yaml:25:20: spec\.ingress\[0\]\.from\[0\]\.podSelector: /)]);
  expect(watched.objects()).toEqual(["a.yaml: NetworkPolicy/shop/web"]);
  watched.write("a.yaml", policyYaml("more"));
  await expect.poll(watched.objects).toEqual(["a.yaml: NetworkPolicy/shop/more"]);
  expect(watched.problems()).toEqual([]);
});

test("a restart beside a malformed file goes on with what the file gave before", async () => {
  const watched = new WatchedFolder();
  watched.write("a.yaml", policyYaml("web"));
  watched.start();
  watched.stop();
  watched.write("a.yaml", BROKEN);
  watched.start();
  expect(watched.objects()).toEqual(["a.yaml: NetworkPolicy/shop/web"]);
  expect(watched.problems()).toHaveLength(1);
  rmSync(watched.file("a.yaml"));
  await expect.poll(watched.objects).toEqual([]);
  watched.write("a.yaml", BROKEN);
  watched.start();
  expect(watched.objects()).toEqual([]);
});

test("a file that goes while the agent is away is gone", () => {
  const watched = new WatchedFolder();
  watched.write("a.yaml", policyYaml("web"));
  watched.start();
  watched.stop();
  rmSync(watched.file("a.yaml"));
  watched.start();
  expect(watched.objects()).toEqual([]);
});

test("a folder that cannot be read leaves everything, over a restart too", async () => {
  const watched = new WatchedFolder();
  watched.write("a.yaml", policyYaml("web"));
  watched.start();
  watched.moveTo("elsewhere");
  await expect.poll(watched.problems).toEqual([expect.stringContaining("what it gave before stays in force: ENOENT")]);
  expect(watched.objects()).toEqual(["a.yaml: NetworkPolicy/shop/web"]);
  watched.start();
  expect(watched.objects()).toEqual(["a.yaml: NetworkPolicy/shop/web"]);
  watched.moveBack("elsewhere");
  await expect.poll(watched.problems).toEqual([]);
  watched.write("b.yaml", policyYaml("b"));
  await expect.poll(watched.objects).toHaveLength(2);
});

test("an editor's new file that is renamed over the old one is seen", async () => {
  const watched = new WatchedFolder();
  watched.write("a.yaml", policyYaml("a"));
  watched.start();
  watched.write(".a.yaml.tmp", policyYaml("b"));
  renameSync(watched.file(".a.yaml.tmp"), watched.file("a.yaml"));
  await expect.poll(watched.objects).toEqual(["a.yaml: NetworkPolicy/shop/b"]);
});

test("a mounted ConfigMap, whose link is swapped, changes as one", async () => {
  const watched = new WatchedFolder();
  for (const version of ["1", "2"]) {
    mkdirSync(watched.file(`..v${version}`));
    for (const name of ["a", "b"])
      writeFileSync(watched.file(`..v${version}/${name}.yaml`), policyYaml(`${name}${version}`));
  }
  symlinkSync("..v1", watched.file("..data"));
  for (const name of ["a", "b"]) symlinkSync(`..data/${name}.yaml`, watched.file(`${name}.yaml`));
  const folder = watched.start();
  const seen = new Set<string>();
  using _listening = folder.onChange(() => seen.add(watched.objects().join()));
  symlinkSync("..v2", watched.file("..next"));
  renameSync(watched.file("..next"), watched.file("..data"));
  await expect.poll(() => [...seen]).toEqual(["a.yaml: NetworkPolicy/shop/a2,b.yaml: NetworkPolicy/shop/b2"]);
});

test("a file behind a link outside the folder is looked at now and then", async () => {
  const watched = new WatchedFolder();
  mkdirSync(watched.file("sub"));
  watched.write("sub/a.yaml", policyYaml("a"));
  symlinkSync("sub/a.yaml", watched.file("a.yaml"));
  watched.start();
  watched.write("sub/a.yaml", policyYaml("b"));
  await expect.poll(watched.objects).toEqual(["a.yaml: NetworkPolicy/shop/b"]);
});

test("a file that its writer has emptied, or taken away, for a moment loses nothing", async () => {
  const watched = new WatchedFolder();
  watched.write("a.yaml", policyYaml("a"));
  const folder = watched.start();
  const seen = new Set<number>();
  using _listening = folder.onChange(() => seen.add(watched.objects().length));
  truncateSync(watched.file("a.yaml"));
  watched.write("a.yaml", policyYaml("b"));
  renameSync(watched.file("a.yaml"), watched.file("a.yaml~"));
  watched.write("a.yaml", policyYaml("c"));
  await expect.poll(watched.objects).toEqual(["a.yaml: NetworkPolicy/shop/c"]);
  expect([...seen]).toEqual([1]);
});

test("a file that stays empty gives nothing any more", async () => {
  const watched = new WatchedFolder();
  watched.write("a.yaml", policyYaml("a"));
  watched.start();
  truncateSync(watched.file("a.yaml"));
  await expect.poll(watched.objects).toEqual([]);
  expect(watched.problems()).toEqual([]);
});

test("what is no regular file is a problem, and stops nothing", () => {
  const watched = new WatchedFolder();
  mkdirSync(watched.file("folder.yaml"));
  symlinkSync("nowhere", watched.file("link.yaml"));
  watched.write("a.yaml", policyYaml("a"));
  watched.start();
  expect(watched.problems()).toEqual([
    "folder.yaml: is not a regular file",
    expect.stringMatching(/^link\.yaml: cannot be read: ENOENT/),
  ]);
  expect(watched.objects()).toEqual(["a.yaml: NetworkPolicy/shop/a"]);
});

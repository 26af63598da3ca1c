import { cpSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { expect, test } from "vitest";
import type { CniInstallOptions } from "#agent/install/cni-install.ts";
import { uninstall } from "#agent/install/uninstall.ts";
import { runCommand } from "#agent/local/command.ts";
import { sized } from "#test/support/size.ts";
import { CniFolders } from "#test/support/cni-folders.ts";

const versions = ["0.4.0", "1.0.0"];

interface Folders {
  readonly programs: Record<string, string>;
  readonly networks: Record<string, string>;
}

const foldersOf = (node: CniFolders): Folders => ({ programs: node.programs(), networks: node.networks() });

/** What no runtime reads: temporaries, backups. */
const isRead = (name: string): boolean => /\.(conf|conflist|json)$/.test(name);

/** Runs one life, killed at its n-th change of a file. The number of changes when it was not killed. */
async function life(
  node: CniFolders,
  task: string,
  options: Partial<CniInstallOptions>,
  killAt: number,
): Promise<number | null> {
  const script = join(import.meta.dirname, "killed-process.ts");
  const command = [process.execPath, script, task, JSON.stringify({ ...node.options, ...options }), String(killAt)];
  const { code, stdout, stderr } = await runCommand(command);
  if (code === 128) return null;
  if (code !== 0) throw new Error(stderr);
  return Number(stdout);
}

/** A runtime finds whole files only, a network that is first, and programs of ours as they were or shall be. */
function expectReadable(node: CniFolders, before: Folders, after: Folders): void {
  const { programs, networks } = foldersOf(node);
  for (const [name, text] of Object.entries(networks).filter(([name]) => isRead(name))) {
    expect([before.networks[name], after.networks[name]], name).toContain(text);
  }
  for (const [name, text] of Object.entries(programs).filter(([name]) => !name.startsWith("."))) {
    expect([before.programs[name], after.programs[name]], name).toContain(text);
  }
  const { list } = node.firstNetwork();
  if (list.plugins[0]?.type === "weir-cni") expect(programs["weir-cni"]).toBeDefined();
}

/** Looks at a state in which several things shall happen, each to a copy of it. */
function withCopy(node: CniFolders, act: () => void): void {
  const parts = [node.binDir, node.confDir, node.stateDir];
  for (const path of parts) cpSync(path, node.path(`copy-of-${basename(path)}`), { recursive: true });
  act();
  for (const path of parts) {
    rmSync(path, { recursive: true });
    renameSync(node.path(`copy-of-${basename(path)}`), path);
  }
}

/** A node before any agent came. */
function freshNode(): CniFolders {
  const node = new CniFolders();
  node.addPlugin("portmap", versions);
  node.addNetwork("01-cluster.conflist");
  node.addNetwork("05-weir.conflist");
  return node;
}

interface Story {
  readonly task: "install" | "uninstall";
  readonly options: Partial<CniInstallOptions>;
  /** What happened between the fresh node and the life that is killed. */
  readonly before: (node: CniFolders) => Promise<void>;
}

const stories: Record<string, Story> = {
  "the first installation": { task: "install", options: { exclusive: true }, before: async () => undefined },
  "a new version, and a name that stands before another's": {
    task: "install",
    options: {},
    before: async (node) => {
      await node.install({ exclusive: true }).look();
      node.setProgram(versions, "new");
    },
  },
  "the end": {
    task: "uninstall",
    options: {},
    before: async (node) => node.install({ exclusive: true }).look(),
  },
};

test.each(Object.entries(stories))(
  "killed at any point of %s, no folder is half written",
  async (_name, story) => {
    const { task, options } = story;
    using whole = freshNode();
    const original = foldersOf(whole);
    await story.before(whole);
    const before = foldersOf(whole);
    const changes = (await life(whole, task, options, 0)) as number;
    const after = foldersOf(whole);
    expect(changes).toBeGreaterThan(10);

    const points = Math.min(changes, sized({ short: 10, long: Number.POSITIVE_INFINITY }));
    for (let point = 1; point <= points; point++) {
      const n = Math.ceil((point * changes) / points);
      using node = freshNode();
      await story.before(node);
      expect(await life(node, task, options, n), `change ${n} of ${changes}`).toBeNull();
      const known = {
        programs: { ...original.programs, ...before.programs },
        networks: { ...original.networks, ...before.networks },
      };
      expectReadable(node, known, after);
      withCopy(node, () => {
        expect(uninstall(node.stateDir).problems).toEqual([]);
        expect(foldersOf(node), `uninstalled after change ${n}`).toEqual(original);
      });
      if (task === "install") await node.install(options).look();
      else uninstall(node.stateDir);
      expect(foldersOf(node), `repeated after change ${n}`).toEqual(after);
    }
  },
  300_000,
);

/**
 * Writes what is generated and committed: the datapath's layouts, by `bpf/gen.ts`, and the
 * messages of others' APIs from our `*.proto`, by protoc and protoc-gen-es.
 * `--check` writes nothing and fails on a difference.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
/** Each `NAME.proto` here has a `NAME.gen.ts` beside it. */
const apis = ["agent/store/etcd", "test/runtime/cri"];

function messagesOf(api: string): string {
  const folder = mkdtempSync(join(tmpdir(), "weir-gen-"));
  const name = basename(api);
  try {
    const options = "target=ts,import_extension=ts,erasable_syntax=true";
    const protoc = spawnSync(
      "protoc",
      [
        `--proto_path=${join(root, dirname(api))}`,
        `--plugin=${join(root, "node_modules/.bin/protoc-gen-es")}`,
        `--es_out=${folder}`,
        `--es_opt=${options}`,
        `${name}.proto`,
      ],
      { encoding: "utf8" },
    );
    if (protoc.status !== 0) throw new Error(`protoc ${api}.proto: ${protoc.error?.message ?? protoc.stderr}`.trim());
    return readFileSync(join(folder, `${name}_pb.ts`), "utf8");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const args = process.argv.slice(2);
const layouts = spawnSync(process.execPath, [join(root, "bpf/gen.ts"), ...args], { cwd: root, stdio: "inherit" });
if (layouts.status !== 0) process.exitCode = layouts.status ?? 1;
for (const api of apis) {
  const text = messagesOf(api);
  const target = join(root, `${api}.gen.ts`);
  if (!args.includes("--check")) {
    writeFileSync(target, text);
  } else if (readFileSync(target, "utf8") !== text) {
    console.error(`${api}.gen.ts differs from ${api}.proto: run \`npm run gen\``);
    process.exitCode = 1;
  }
}

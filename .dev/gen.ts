/**
 * Writes what is generated and committed: the datapath's layouts, by `bpf/gen.ts`, and the
 * messages of etcd's API from `agent/store/etcd.proto`, by protoc and protoc-gen-es.
 * `--check` writes nothing and fails on a difference.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const target = join(root, "agent/store/etcd.gen.ts");

function etcdMessages(): string {
  const folder = mkdtempSync(join(tmpdir(), "weir-gen-"));
  try {
    const options = "target=ts,import_extension=ts,erasable_syntax=true";
    const protoc = spawnSync(
      "protoc",
      [
        `--proto_path=${join(root, "agent/store")}`,
        `--plugin=${join(root, "node_modules/.bin/protoc-gen-es")}`,
        `--es_out=${folder}`,
        `--es_opt=${options}`,
        "etcd.proto",
      ],
      { encoding: "utf8" },
    );
    if (protoc.status !== 0) throw new Error(`protoc etcd.proto: ${protoc.error?.message ?? protoc.stderr}`.trim());
    return readFileSync(join(folder, "etcd_pb.ts"), "utf8");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const args = process.argv.slice(2);
const layouts = spawnSync(process.execPath, [join(root, "bpf/gen.ts"), ...args], { cwd: root, stdio: "inherit" });
if (layouts.status !== 0) process.exitCode = layouts.status ?? 1;
const text = etcdMessages();
if (!args.includes("--check")) {
  writeFileSync(target, text);
} else if (readFileSync(target, "utf8") !== text) {
  console.error("agent/store/etcd.gen.ts differs from agent/store/etcd.proto: run `npm run gen`");
  process.exitCode = 1;
}

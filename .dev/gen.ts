/**
 * Writes what is generated and committed: the datapath's layouts, by `bpf/gen.ts`, the
 * messages of others' APIs from our `*.proto`, by protoc and protoc-gen-es, and the description
 * of our own API from its routes.
 * `--check` writes nothing and fails on a difference.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { openapiDocument } from "#agent/api/openapi.ts";
import { allRoutes } from "#agent/api/routes.ts";

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

function openapiText(): string {
  return `${JSON.stringify(openapiDocument(allRoutes), null, 2)}\n`;
}

const args = process.argv.slice(2);
const layouts = spawnSync(process.execPath, [join(root, "bpf/gen.ts"), ...args], { cwd: root, stdio: "inherit" });
if (layouts.status !== 0) process.exitCode = layouts.status ?? 1;
const files = [
  { name: "agent/api/openapi.gen.json", source: "agent/api/routes", make: openapiText },
  ...apis.map((api) => ({ name: `${api}.gen.ts`, source: `${api}.proto`, make: () => messagesOf(api) })),
];
for (const { name, source, make } of files) {
  const text = make();
  const target = join(root, name);
  if (!args.includes("--check")) {
    writeFileSync(target, text);
  } else if (readFileSync(target, "utf8") !== text) {
    console.error(`${name} differs from ${source}: run \`npm run gen\``);
    process.exitCode = 1;
  }
}

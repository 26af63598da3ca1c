/**
 * Builds `dist/`: the datapath's objects, `dist/weir`, `dist/weir-cni`. Each part
 * looks at the content of its inputs first; nothing changed, nothing built.
 */
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { buildBpf } from "#bpf/build.ts";
import { buildCni } from "#cni/build.ts";
import { buildWeir } from "./bundle.ts";
import { contentHash, onceFor } from "./content-stamp.ts";

const root = resolve(import.meta.dirname, "..");

/** The committed layouts must be what the C headers say; `npm run gen` writes them. */
function checkGenerated(): Promise<boolean> {
  const files = ["bpf/gen.ts", "agent/datapath/layouts.gen.ts", "dist/gen/layouts.bpf.o"];
  return onceFor({
    stamp: join(root, "dist/gen/.checked"),
    key: contentHash(files.map((file) => join(root, file))),
    outputs: [],
    step: async () => {
      const check = spawnSync(process.execPath, [join(root, "bpf/gen.ts"), "--check"], { cwd: root, encoding: "utf8" });
      if (check.status !== 0) throw new Error(`check generated files: ${check.stdout}${check.stderr}`.trim());
    },
  });
}

try {
  buildBpf();
  await checkGenerated();
  await buildWeir(root);
  buildCni();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  console.error("build failed");
  process.exitCode = 1;
}

import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { mustRun } from "#agent/local/command.ts";

/** The image's name, with the host that no registry has. */
export const imageName = "localhost/weir-test:1";

/** What the containers run of busybox. */
const applets = ["cat", "httpd", "nc", "ping", "sh", "sleep"];

/** Does nothing, for longer than any test. */
export const idle = ["/bin/sleep", "1000000"];

/**
 * Makes an image of one program, Debian's statically linked busybox, as an archive that every
 * runtime reads: no registry is asked.
 *
 * @param folder that is empty or not there yet.
 * @returns the archive's path.
 */
export async function makeImage(folder: string): Promise<string> {
  const bin = join(folder, "layer/bin");
  mkdirSync(bin, { recursive: true });
  copyFileSync("/bin/busybox", join(bin, "busybox"));
  for (const name of applets) symlinkSync("busybox", join(bin, name));
  const tar = (archive: string, inside: string, ...names: string[]) =>
    mustRun(["tar", "--create", "--file", join(folder, archive), "--directory", join(folder, inside), ...names]);
  await tar("layer.tar", "layer", "bin");
  const digest = createHash("sha256")
    .update(readFileSync(join(folder, "layer.tar")))
    .digest("hex");
  // The Docker image format, version 1.2: https://github.com/moby/docker-image-spec
  const config = {
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    config: { Cmd: idle },
    rootfs: { type: "layers", diff_ids: [`sha256:${digest}`] },
  };
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  const manifest = [{ Config: "config.json", RepoTags: [imageName], Layers: ["layer.tar"] }];
  writeFileSync(join(folder, "manifest.json"), JSON.stringify(manifest));
  await tar("image.tar", ".", "manifest.json", "config.json", "layer.tar");
  return join(folder, "image.tar");
}

/**
 * The servers that tests of stores run, etcd and Consul, and Prometheus' promtool. Unpacked from their
 * Debian packages into `.dev/servers`, not installed: no service of theirs is started or left.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Debian 11 was the last with Consul; whichever mirror still has it, the content is this one. */
const consul = {
  file: "consul_1.8.7+dfsg1-2+b3_amd64.deb",
  sha256: "e4e888bba104daba1d9161f49bfc52649a7e4efd45b1a7ead5bc54f2cb9c89d9",
  mirrors: ["http://deb.debian.org/debian", "http://archive.debian.org/debian"],
};

/** What is wrong, in a sentence; null: the package is in the folder. */
async function downloadConsul(folder) {
  if (process.arch !== "x64") return `there is no package for ${process.arch}`;
  const problems = [];
  for (const mirror of consul.mirrors) {
    const url = `${mirror}/pool/main/c/consul/${consul.file}`;
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(120_000) });
      const body = Buffer.from(await response.arrayBuffer());
      if (!response.ok) {
        problems.push(`${url}: HTTP status ${response.status}`);
      } else if (createHash("sha256").update(body).digest("hex") !== consul.sha256) {
        problems.push(`${url}: its content is another one`);
      } else {
        writeFileSync(join(folder, consul.file), body);
        return null;
      }
    } catch (error) {
      problems.push(`${url}: ${error.cause?.message ?? error.message}`);
    }
  }
  return problems.join("; ");
}

/** Of whatever release this machine has; apt-get checks the content. */
function downloadDebian(packageName, folder) {
  const download = () => spawnSync("apt-get", ["download", packageName], { cwd: folder, encoding: "utf8" });
  let result = download();
  if (result.status !== 0) {
    spawnSync("apt-get", ["update"]);
    result = download();
  }
  return result.status === 0 ? null : `apt-get download: ${result.error?.message ?? result.stderr.trim()}`;
}

const servers = [
  { name: "etcd", download: (folder) => downloadDebian("etcd-server", folder) },
  { name: "consul", download: downloadConsul },
  { name: "promtool", download: (folder) => downloadDebian("prometheus", folder) },
];

/** Brings in what is missing. What cannot be had is named, and the tests that need it are skipped. */
export async function installServers(root) {
  const target = join(root, ".dev/servers");
  for (const { name, download } of servers) {
    if (existsSync(join(target, name))) continue;
    const folder = mkdtempSync(join(tmpdir(), "weir-server-"));
    try {
      const problem = (await download(folder)) ?? unpack(folder, name);
      if (problem === null) {
        mkdirSync(target, { recursive: true });
        spawnSync("cp", ["--", join(folder, "usr/bin", name), join(target, `${name}.new`)]);
        renameSync(join(target, `${name}.new`), join(target, name));
      } else {
        console.error(`cannot get ${name}, whose tests are skipped: ${problem}`);
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

function unpack(folder, name) {
  const [file] = readdirSync(folder).filter((entry) => entry.endsWith(".deb"));
  if (file === undefined) return "no package came";
  const result = spawnSync("dpkg-deb", ["-x", join(folder, file), folder], { encoding: "utf8" });
  if (result.status !== 0) return `dpkg-deb -x ${file}: ${result.error?.message ?? result.stderr.trim()}`;
  return existsSync(join(folder, "usr/bin", name)) ? null : `${file} has no usr/bin/${name}`;
}

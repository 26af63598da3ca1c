/**
 * What the machine itself must have, and the Debian packages that bring it.
 * Looked for as files, not in the package database: another distribution's
 * package, or one built by hand, is as good.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const programFolders = [
  ...(process.env.PATH ?? "").split(":"),
  "/usr/local/sbin",
  "/usr/local/bin",
  "/usr/sbin",
  "/usr/bin",
  "/sbin",
  "/bin",
];
const libraryFolders = [
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib/aarch64-linux-gnu",
  "/usr/lib64",
  "/usr/local/lib",
  "/usr/lib",
];

const hasProgram = (name) => programFolders.some((folder) => folder !== "" && existsSync(join(folder, name)));
const hasLibrary = (name) => libraryFolders.some((folder) => existsSync(join(folder, name)));
/** Whether a program names a loader, near its beginning, and so is not statically linked. */
const needsLoader = (path) => readFileSync(path).subarray(0, 4096).includes("/ld-");

/** @type {Record<string, {packageName: string, present: () => boolean}>} */
const needs = {
  libbpf: { packageName: "libbpf1", present: () => hasLibrary("libbpf.so.1") },
  libbpfHeaders: { packageName: "libbpf-dev", present: () => existsSync("/usr/include/bpf/bpf_helpers.h") },
  kernelHeaders: { packageName: "linux-libc-dev", present: () => existsSync("/usr/include/linux/bpf.h") },
  cc: { packageName: "gcc", present: () => hasProgram("cc") },
  libcHeaders: { packageName: "libc6-dev", present: () => hasLibrary("libc.a") },
  jansson: { packageName: "libjansson-dev", present: () => hasLibrary("libjansson.a") },
  ip: { packageName: "iproute2", present: () => hasProgram("ip") },
  nsenter: { packageName: "util-linux", present: () => hasProgram("nsenter") && hasProgram("unshare") },
  mount: { packageName: "mount", present: () => hasProgram("mount") },
  iptables: { packageName: "iptables", present: () => hasProgram("iptables") },
  openssl: { packageName: "openssl", present: () => hasProgram("openssl") },
  protoc: { packageName: "protobuf-compiler", present: () => hasProgram("protoc") },
  containerd: { packageName: "containerd", present: () => hasProgram("containerd") && hasProgram("ctr") },
  runc: { packageName: "runc", present: () => hasProgram("runc") },
  podman: { packageName: "podman", present: () => hasProgram("podman") },
  tar: { packageName: "tar", present: () => hasProgram("tar") },
  // The package busybox has one, too, that does not run without the machine's libraries.
  busybox: { packageName: "busybox-static", present: () => existsSync("/bin/busybox") && !needsLoader("/bin/busybox") },
  cniPlugins: { packageName: "containernetworking-plugins", present: () => existsSync("/usr/lib/cni/bridge") },
  tshark: { packageName: "tshark", present: () => hasProgram("tshark") },
  script: { packageName: "bsdutils", present: () => hasProgram("script") },
  zsh: { packageName: "zsh", present: () => hasProgram("zsh") },
  fish: { packageName: "fish", present: () => hasProgram("fish") },
  chromium: { packageName: "chromium", present: () => existsSync("/usr/lib/chromium/chromium") },
  curl: { packageName: "curl", present: () => hasProgram("curl") },
  nginx: { packageName: "nginx-light", present: () => hasProgram("nginx") },
  dig: { packageName: "bind9-dnsutils", present: () => hasProgram("dig") },
  dnsmasq: { packageName: "dnsmasq-base", present: () => hasProgram("dnsmasq") },
  haproxy: { packageName: "haproxy", present: () => hasProgram("haproxy") },
  wrk: { packageName: "wrk", present: () => hasProgram("wrk") },
  dnsperf: { packageName: "dnsperf", present: () => hasProgram("dnsperf") },
  strace: { packageName: "strace", present: () => hasProgram("strace") },
};

const build = [needs.libbpfHeaders, needs.kernelHeaders, needs.cc, needs.libcHeaders, needs.jansson];
const run = [needs.libbpf, needs.ip, needs.nsenter, needs.mount];
/** Other plugins in a list with ours, and a kill at every system call. */
const conformance = [needs.cniPlugins, needs.strace];
/** Shells whose completion is tested, and a terminal for one of them. */
const shells = [needs.script, needs.zsh, needs.fish];
/** A browser that walks the page of `weir ui`. */
const browser = [needs.chromium];
/** Clients and servers of the protocols that the proxy looks into. */
const applications = [needs.curl, needs.nginx, needs.dig, needs.dnsmasq];
/** What the proxy is measured against, and with. */
const proxies = [needs.haproxy, needs.nginx, needs.wrk, needs.dnsperf, needs.dnsmasq];
const tests = [
  ...build,
  ...applications,
  ...run,
  ...conformance,
  ...shells,
  ...browser,
  needs.iptables,
  needs.protoc,
  needs.openssl,
  needs.tshark,
];
/** Container runtimes, and what their pods' image is made of. */
const runtimes = [
  needs.containerd,
  needs.runc,
  needs.podman,
  needs.iptables,
  needs.tar,
  needs.busybox,
  needs.cniPlugins,
];

/** The needs of each command of `.dev/run.mjs`. */
export const commandNeeds = {
  start: [...build, ...run],
  test: tests,
  "test:long": tests,
  "test:runtimes": [...build, ...run, ...runtimes],
  build: [...build],
  gen: [...build, needs.libbpf, needs.protoc],
  bench: [...build, ...run, ...browser, ...proxies, needs.cniPlugins],
  fuzz: [],
  coverage: tests,
  lint: [],
  format: [],
};

function apt(args) {
  return spawnSync("apt-get", args, { encoding: "utf8", env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" } });
}

const aptInstall = (packages) =>
  apt([
    "install",
    "--yes",
    "--no-install-recommends",
    "-o",
    "Dpkg::Use-Pty=0",
    "-o",
    "DPkg::Lock::Timeout=120",
    ...packages,
  ]);

function hasPackageLists() {
  const folder = "/var/lib/apt/lists";
  return existsSync(folder) && readdirSync(folder).some((name) => /_Packages(\.\w+)?$/.test(name));
}

/**
 * Installs the Debian packages that a command needs and that are missing.
 * Without root, or without apt-get, it names them and ends the process.
 */
export function installDebianPackages(command) {
  const missing = [...new Set(commandNeeds[command].filter((need) => !need.present()).map((need) => need.packageName))];
  if (missing.length === 0) return;
  const root = process.getuid?.() === 0;
  if (!root || !hasProgram("apt-get")) {
    const why = root ? "there is no apt-get here" : "not root";
    console.error(
      `cannot install ${missing.join(", ")} (${why}): install ${missing.length > 1 ? "them" : "it"} and try again`,
    );
    process.exit(1);
  }
  console.error(`installing Debian packages: ${missing.join(", ")}`);
  if (!hasPackageLists()) apt(["update"]);
  let result = aptInstall(missing);
  if (result.status !== 0) {
    // The lists may be older than the mirror.
    apt(["update"]);
    result = aptInstall(missing);
  }
  if (result.status !== 0) {
    console.error(`${result.stdout ?? ""}${result.stderr ?? result.error?.message ?? ""}`);
    console.error(`cannot install ${missing.join(", ")}: apt-get failed, see above`);
    process.exit(1);
  }
}

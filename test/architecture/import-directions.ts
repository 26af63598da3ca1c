import type { Import } from "./source-tree.ts";

/** What a folder may import besides itself. Paths are prefixes; whatever is not listed is forbidden. */
export interface Direction {
  /** Of ours, loaded with it. */
  readonly ours: readonly string[];
  /** Of ours, only by `import()` where it is used: start-up time. */
  readonly lazy?: readonly string[];
  /** From npm, and `node:*` as a whole. */
  readonly packages: readonly string[];
}

const runtime = "agent/runtime/";
/** The shapes and small pure parts of the API that others speak, too. */
const apiTypes = ["agent/api/host-interface.ts"];

/** The longest prefix of a file's path decides. Arrows point down only. */
export const directions: Readonly<Record<string, Direction>> = {
  "policy/": { ours: [], packages: ["yaml", "re2js", "zod"] },
  "bpf/": { ours: ["agent/libbpf-ts/"], packages: ["node:*"] },
  "cni/": { ours: [], packages: ["node:*"] },
  "agent/netlink/": { ours: [], packages: [] },
  "agent/libbpf-ts/": { ours: [], packages: ["node:*"] },
  "agent/libbpf-ts/native/": { ours: ["agent/libbpf-ts/"], packages: ["node:*", "koffi"] },
  "agent/bpf-loader/": { ours: ["agent/libbpf-ts/"], packages: ["node:*"] },
  "agent/runtime/": { ours: [], packages: ["node:*", "zod", "yaml", "pino", "pino-pretty"] },
  "agent/install/": { ours: [runtime], packages: ["node:*", "zod"] },
  "agent/net/": { ours: ["agent/netlink/", "agent/libbpf-ts/"], packages: ["node:*"] },
  "agent/net/libc.ts": { ours: [], packages: ["node:*", "koffi"] },
  "agent/datapath/": {
    ours: ["agent/bpf-loader/", "agent/libbpf-ts/", runtime, "policy/", "agent/proxy/judgement.ts"],
    packages: ["node:*"],
  },
  "agent/store/": { ours: [runtime], packages: ["node:*", "zod"] },
  "agent/store/etcd": {
    ours: [runtime, "agent/store/"],
    packages: [
      "node:*",
      "@bufbuild/protobuf",
      "@bufbuild/protobuf/codegenv2",
      "@connectrpc/connect",
      "@connectrpc/connect-node",
    ],
  },
  "agent/kubernetes/": { ours: [runtime, "policy/"], packages: ["node:*", "yaml", "zod"] },
  "agent/ipcache/": {
    ours: [runtime, "policy/", "agent/datapath/", "agent/net/", "agent/store/"],
    packages: ["node:*", "zod"],
  },
  "agent/identity/": {
    ours: [runtime, "policy/", "agent/datapath/", "agent/store/"],
    packages: ["node:*", "zod"],
  },
  "agent/ipam/": { ours: [runtime, "policy/", "agent/store/"], packages: ["node:*", "zod"] },
  "agent/endpoint/": {
    ours: [
      runtime,
      "policy/",
      "agent/datapath/",
      "agent/net/",
      "agent/store/",
      "agent/identity/",
      "agent/ipam/",
      "agent/ipcache/",
      ...apiTypes,
    ],
    packages: ["node:*", "zod"],
  },
  "agent/verify/": {
    ours: [
      runtime,
      "policy/",
      "agent/datapath/",
      "agent/endpoint/",
      "agent/identity/reserved.ts",
      "agent/ipcache/partition.ts",
    ],
    packages: ["node:*"],
  },
  "agent/redirect/": {
    ours: [
      runtime,
      "policy/",
      "agent/proxy/lines.ts",
      "agent/proxy/messages.ts",
      "agent/proxy/names.ts",
      "agent/proxy/request-record.ts",
      "agent/proxy/rule-book.ts",
      "agent/datapath/layouts.gen.ts",
      "agent/net/proxy-routes.ts",
    ],
    packages: ["node:*"],
  },
  "agent/api/": { ours: [runtime, "agent/net/peer-credentials.ts"], packages: ["node:*", "zod"] },
  "agent/cni/": {
    ours: [runtime, "policy/", "agent/api/", "agent/endpoint/", "agent/ipam/", "agent/net/", "agent/netlink/"],
    packages: ["node:*", "zod"],
  },
  "agent/flows/": {
    ours: [
      runtime,
      "policy/",
      "agent/api/",
      "agent/datapath/address.ts",
      "agent/datapath/layouts.gen.ts",
      "agent/proxy/request-record.ts",
    ],
    packages: ["node:*", "re2js", "zod"],
  },
  "agent/hubble/": {
    ours: [runtime, "policy/", "agent/api/", "agent/flows/", "agent/datapath/layouts.gen.ts"],
    packages: ["node:*", "@grpc/grpc-js", "@grpc/proto-loader"],
  },
  "agent/trace/": {
    ours: [runtime, "agent/api/", "agent/datapath/", "agent/flows/", "agent/net/frame.ts", "agent/verify/read-slot.ts"],
    packages: [],
  },
  "agent/fqdn/": {
    ours: [runtime, "policy/", "agent/datapath/map-full-error.ts", "agent/proxy/names.ts"],
    packages: ["node:*", "zod"],
  },
  "agent/proxy/": {
    ours: [
      runtime,
      "policy/",
      "agent/libbpf-ts/",
      "agent/net/libc.ts",
      "agent/net/folder-lock.ts",
      "agent/netlink/ip.ts",
      "agent/datapath/layouts.gen.ts",
      "agent/datapath/kernel-judgements.ts",
      "agent/datapath/kernel-named-addresses.ts",
    ],
    packages: ["node:*", "zod", "commander"],
  },
  "agent/proxy/dns/": {
    ours: [
      runtime,
      "policy/",
      "agent/proxy/",
      "agent/net/error.ts",
      "agent/net/libc.ts",
      "agent/netlink/ip.ts",
      "agent/datapath/layouts.gen.ts",
    ],
    packages: ["node:*"],
  },
  "agent/proxy/dns/native.ts": { ours: [], packages: ["koffi"] },
  "agent/export/": {
    ours: [runtime, "agent/api/", "agent/flows/", "agent/datapath/layouts.gen.ts"],
    packages: ["node:*"],
  },
  "agent/ui/": { ours: [runtime, "agent/api/", "agent/flows/"], packages: ["node:*", "zod"] },
  // What browsers run: of the rest of the agent it knows the shapes of answers.
  "agent/ui/page/": { ours: ["agent/api/", "agent/ui/frame.ts"], packages: [] },
  "agent/metrics/": { ours: [runtime, "agent/api/", "agent/proxy/request-record.ts"], packages: ["node:*"] },
  "agent/cli/": {
    ours: ["agent/api/"],
    lazy: ["agent/local/", "agent/main.ts", "agent/proxy/main.ts", "policy/"],
    packages: ["node:*", "commander", "yaml"],
  },
  "agent/local/": {
    ours: [
      runtime,
      "policy/",
      "agent/api/",
      "agent/netlink/",
      "agent/net/",
      "agent/bpf-loader/",
      "agent/libbpf-ts/",
      "agent/endpoint/",
      "agent/install/",
      "agent/redirect/end-proxies.ts",
      "agent/redirect/proxy-routing.ts",
    ],
    packages: ["node:*", "modern-tar"],
  },
  // The one place where everything is put together: the running node, and the process around it.
  "agent/node/": {
    ours: [
      runtime,
      "policy/",
      "agent/api/",
      "agent/cni/",
      "agent/datapath/",
      "agent/endpoint/",
      "agent/export/",
      "agent/flows/",
      "agent/fqdn/",
      "agent/hubble/",
      "agent/identity/",
      "agent/install/",
      "agent/ipam/",
      "agent/ipcache/",
      "agent/kubernetes/",
      "agent/libbpf-ts/",
      "agent/metrics/",
      "agent/net/",
      "agent/netlink/",
      "agent/redirect/",
      "agent/store/",
      "agent/trace/",
      "agent/ui/",
      "agent/verify/",
      "agent/proxy/away-journal.ts",
      "agent/proxy/header-values.ts",
      "agent/proxy/request-record.ts",
    ],
    packages: ["node:*"],
  },
  "agent/main.ts": {
    ours: [runtime, "agent/node/", "agent/api/", "agent/hubble/", "agent/ui/"],
    packages: ["node:*", "commander"],
  },
};

/** Whether the table lets a file have this import. */
export function isAllowed({ from, to, ours, dynamic }: Import): boolean {
  const prefixes = Object.keys(directions).filter((candidate) => from.startsWith(candidate));
  const prefix = prefixes.toSorted((a, b) => b.length - a.length)[0];
  const direction = prefix === undefined ? undefined : directions[prefix];
  if (prefix === undefined || direction === undefined) return false;
  if (!ours) return direction.packages.includes(to.startsWith("node:") ? "node:*" : to);
  const allowed = [prefix, ...direction.ours, ...(dynamic ? (direction.lazy ?? []) : [])];
  return allowed.some((path) => to.startsWith(path));
}

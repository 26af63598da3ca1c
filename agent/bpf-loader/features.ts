import { BpfError, MapFlag, MapHandle, type MapSpec, MapType, queryTcx } from "libbpf-ts";

/** What this kernel can do, as far as it was asked. */
export interface Features {
  /** Links on tc hooks, since Linux 6.6; else clsact. */
  readonly tcx: boolean;
  /** What no datapath can do without and this kernel lacks, by name and version. */
  readonly missing: readonly string[];
}

const needed: readonly { readonly what: string; readonly spec: MapSpec }[] = [
  { what: "LRU hash maps", spec: spec(MapType.LRU_HASH, 8, 8, 2) },
  { what: "LPM trie maps", spec: spec(MapType.LPM_TRIE, 8, 8, 2, MapFlag.NO_PREALLOC) },
  { what: "ring buffer maps (Linux 5.8)", spec: spec(MapType.RINGBUF, 0, 0, 4096) },
  { what: "mappable array maps (Linux 5.5)", spec: spec(MapType.ARRAY, 4, 8, 2, MapFlag.MMAPABLE) },
];

function spec(type: MapType, keySize: number, valueSize: number, maxEntries: number, flags = 0): MapSpec {
  return { type, name: "weir_probe", keySize, valueSize, maxEntries, flags };
}

/** Tries each thing for real; a version number says nothing about a vendor's kernel. */
export function probeFeatures(): Features {
  const missing: string[] = [];
  for (const { what, spec: probe } of needed) {
    try {
      MapHandle.create(probe)[Symbol.dispose]();
    } catch (error) {
      if (!(error instanceof BpfError)) throw error;
      if (error.code === "not-permitted") {
        return { tcx: false, missing: [`the right to use BPF (${error.errno ?? error.code}): run as root`] };
      }
      missing.push(`${what}: ${error.errno ?? error.code}`);
    }
  }
  return { tcx: probeTcx(), missing };
}

function probeTcx(): boolean {
  const loopback = 1;
  try {
    queryTcx(loopback, "ingress");
    return true;
  } catch (error) {
    // EINVAL: the kernel does not know the attach type. ENOENT: it does, and nothing is there.
    if (error instanceof BpfError) return error.errno === "ENOENT" || error.errno === "ENODEV";
    throw error;
  }
}

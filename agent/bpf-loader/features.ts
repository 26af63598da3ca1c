import {
  BpfError,
  hasHelper,
  hasProgramType,
  MapFlag,
  MapHandle,
  type MapSpec,
  MapType,
  ProgramType,
  queryTcx,
} from "libbpf-ts";

/** What this kernel can do, as far as it was asked. */
export interface Features {
  /** Links on tc hooks, since Linux 6.6; else clsact. */
  readonly tcx: boolean;
  /** What no datapath can do without and this kernel lacks, by name and version. */
  readonly missing: readonly string[];
}

interface Need {
  readonly what: string;
  /** False, or BpfError, when the kernel lacks it. */
  readonly there: () => boolean;
}

const needed: readonly Need[] = [
  { what: "hash maps", there: () => makes(MapType.HASH, 8, 8) },
  { what: "per-CPU hash maps", there: () => makes(MapType.PERCPU_HASH, 8, 8) },
  { what: "LRU hash maps", there: () => makes(MapType.LRU_HASH, 8, 8) },
  { what: "LPM trie maps", there: () => makes(MapType.LPM_TRIE, 8, 8, MapFlag.NO_PREALLOC) },
  { what: "mappable array maps (Linux 5.5)", there: () => makes(MapType.ARRAY, 4, 8, MapFlag.MMAPABLE) },
  { what: "ring buffer maps (Linux 5.8)", there: () => makes(MapType.RINGBUF, 0, 0) },
  { what: "programs on tc hooks", there: () => hasProgramType(ProgramType.SCHED_CLS) },
  { what: "the helper bpf_ktime_get_boot_ns (Linux 5.8)", there: () => hasHelper(ProgramType.SCHED_CLS, 125) },
  { what: "the helper bpf_redirect_peer (Linux 5.10)", there: () => hasHelper(ProgramType.SCHED_CLS, 155) },
];

function makes(type: MapSpec["type"], keySize: number, valueSize: number, flags = 0): boolean {
  // Of a ring buffer the entries are bytes, in whole pages of any size that there is.
  const maxEntries = type === MapType.RINGBUF ? 65_536 : 2;
  MapHandle.create({ type, name: "probe", keySize, valueSize, maxEntries, flags })[Symbol.dispose]();
  return true;
}

/** Tries each thing for real; a version number says nothing about a vendor's kernel. */
export function probeFeatures(): Features {
  const missing: string[] = [];
  for (const { what, there } of needed) {
    try {
      if (!there()) missing.push(what);
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

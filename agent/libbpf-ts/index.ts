export { WordArray } from "./array-memory.ts";
export { Btf, type BtfMember, type BtfType } from "./btf.ts";
export { attachClsact, type ClsactPlace, detachClsact, queryClsact } from "./clsact.ts";
export { bytes, type Codec, u32, u64 } from "./codec.ts";
export { BpfError, type BpfErrorCode } from "./errors.ts";
export {
  type LinkInfo,
  linkInfo,
  type MapInfo,
  mapInfo,
  type ProgramInfo,
  programInfo,
  programMapIds,
} from "./info.ts";
export { type MapTypes, typesOfMap } from "./kernel-btf.ts";
export { BpfMap, UpdateFlag } from "./map.ts";
export { copyEntries, type EntryBytes } from "./map-bytes.ts";
export { BpfLink } from "./link.ts";
export { countEntries } from "./count-entries.ts";
export { MapFlag, MapHandle, type MapSpec, MapType } from "./map-handle.ts";
export { MapOfMaps } from "./map-of-maps.ts";
export { compareShapes, type MapShape } from "./map-shape.ts";
export { BpfObject } from "./object.ts";
export { PerCpuMap } from "./per-cpu-map.ts";
export { hasHelper, hasProgramType, ProgramType } from "./probe.ts";
export { Program, programIds, type TestContext, type TestResult, type TestRun } from "./program.ts";
export { type RecordDecoder, RingBuffer } from "./ring-buffer.ts";
export { queryTcx, type TcDirection, TcxLink } from "./tcx.ts";
export { systemClocks } from "./time.ts";
export type { VerifierStatistics } from "./verifier-statistics.ts";
export { XdpLink } from "./xdp.ts";

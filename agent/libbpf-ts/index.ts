export { WordArray } from "./array-memory.ts";
export { Btf, type BtfMember, type BtfType } from "./btf.ts";
export { type BtfDecoder, type BtfValue, btfDecoder, enumDecoder, type MemberDecoder } from "./btf-decoder.ts";
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
export { btfOfMap, type MapTypes, typesOfMap } from "./kernel-btf.ts";
export { BpfMap, UpdateFlag } from "./map.ts";
export { copyEntries, type EntryBytes, lookupShape, type LookupShape, readEntries } from "./map-bytes.ts";
export { BpfLink } from "./link.ts";
export { countEntries } from "./count-entries.ts";
export { MapFlag, MapHandle, type MapSpec, MapType } from "./map-handle.ts";
export { MapOfMaps } from "./map-of-maps.ts";
export { compareShapes, type MapShape, mapTypeName } from "./map-shape.ts";
export { BpfObject } from "./object.ts";
export { PerCpuMap } from "./per-cpu-map.ts";
export { hasHelper, hasProgramType, ProgramType } from "./probe.ts";
export { Program, programIds, type TestContext, type TestResult, type TestRun } from "./program.ts";
export { type RecordDecoder, RingBuffer, unreadBytes } from "./ring-buffer.ts";
export { queryTcx, type TcDirection, TcxLink } from "./tcx.ts";
export { systemClocks } from "./time.ts";
export type { VerifierStatistics } from "./verifier-statistics.ts";
export { XdpLink } from "./xdp.ts";

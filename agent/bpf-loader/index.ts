export { type CopySpec, loadCopy, type ProgramCopy } from "./copy.ts";
export { LoaderError, type LoaderErrorCode } from "./errors.ts";
export { type Features, probeFeatures } from "./features.ts";
export { InterfaceHooks, type InterfaceHooksOptions } from "./hooks.ts";
export { load, type Loaded, removeOldPrograms } from "./loader.ts";
export { XdpHooks } from "./xdp-hooks.ts";
export { type AttachedProgram, encodeData, type HookSpec, type Layouts, type LoadSpec } from "./spec.ts";

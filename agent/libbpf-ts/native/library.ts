/**
 * The C side: libbpf and a few calls of libc, through koffi. Nothing outside this folder
 * touches koffi. Koffi checks no bounds: callers pass buffers of the right size.
 */
import koffi from "koffi";
import { BpfError } from "../errors.ts";

/** An opaque C pointer. */
export type Pointer = unknown;

/** Version 0 has the same functions, but reports errors in another way. */
const libraryName = "libbpf.so.1";

function loadLibbpf(): ReturnType<typeof koffi.load> {
  try {
    return koffi.load(libraryName);
  } catch (cause) {
    throw new BpfError("library-missing", "dlopen", `${libraryName} is not there: install the package libbpf1`, {
      cause,
    });
  }
}

function bind() {
  const bpf = loadLibbpf();
  const libc = koffi.load("libc.so.6");
  koffi.pointer("bpf_object", koffi.opaque("struct_bpf_object"));
  koffi.pointer("bpf_map", koffi.opaque("struct_bpf_map"));
  koffi.pointer("bpf_program", koffi.opaque("struct_bpf_program"));
  return {
    // Objects
    objectOpenMem: bpf.func("bpf_object bpf_object__open_mem(const void *data, size_t size, const void *opts)"),
    objectLoad: bpf.func("int bpf_object__load(bpf_object object)"),
    objectClose: bpf.func("void bpf_object__close(bpf_object object)"),
    objectNextMap: bpf.func("bpf_map bpf_object__next_map(bpf_object object, bpf_map previous)"),
    objectNextProgram: bpf.func("bpf_program bpf_object__next_program(bpf_object object, bpf_program previous)"),
    mapName: bpf.func("const char *bpf_map__name(bpf_map map)"),
    mapFd: bpf.func("int bpf_map__fd(bpf_map map)"),
    mapSetMaxEntries: bpf.func("int bpf_map__set_max_entries(bpf_map map, uint32_t entries)"),
    mapInitialValue: bpf.func("void *bpf_map__initial_value(bpf_map map, _Out_ size_t *size)"),
    mapType: bpf.func("int bpf_map__type(bpf_map map)"),
    mapKeySize: bpf.func("uint32_t bpf_map__key_size(bpf_map map)"),
    mapValueSize: bpf.func("uint32_t bpf_map__value_size(bpf_map map)"),
    mapMaxEntries: bpf.func("uint32_t bpf_map__max_entries(bpf_map map)"),
    mapFlags: bpf.func("uint32_t bpf_map__map_flags(bpf_map map)"),
    mapInner: bpf.func("bpf_map bpf_map__inner_map(bpf_map map)"),
    mapKeyType: bpf.func("uint32_t bpf_map__btf_key_type_id(bpf_map map)"),
    mapValueType: bpf.func("uint32_t bpf_map__btf_value_type_id(bpf_map map)"),
    mapReuseFd: bpf.func("int bpf_map__reuse_fd(bpf_map map, int fd)"),
    programName: bpf.func("const char *bpf_program__name(bpf_program program)"),
    programFd: bpf.func("int bpf_program__fd(bpf_program program)"),
    programSetAutoload: bpf.func("int bpf_program__set_autoload(bpf_program program, bool autoload)"),
    programSetLogBuf: bpf.func("int bpf_program__set_log_buf(bpf_program program, void *buffer, size_t size)"),
    programSetLogLevel: bpf.func("int bpf_program__set_log_level(bpf_program program, uint32_t level)"),
    setPrint: bpf.func("void *libbpf_set_print(void *function)"),
    // Maps
    mapCreate: bpf.func(
      "int bpf_map_create(int type, const char *name, uint32_t key, uint32_t value, uint32_t entries, const void *opts)",
    ),
    mapLookup: bpf.func("int bpf_map_lookup_elem(int fd, const void *key, void *value)"),
    mapUpdate: bpf.func("int bpf_map_update_elem(int fd, const void *key, const void *value, uint64_t flags)"),
    mapDelete: bpf.func("int bpf_map_delete_elem(int fd, const void *key)"),
    mapNextKey: bpf.func("int bpf_map_get_next_key(int fd, const void *key, void *next)"),
    mapLookupBatch: bpf.func(
      "int bpf_map_lookup_batch(int fd, void *in, void *out, void *keys, void *values, void *count, const void *opts)",
    ),
    mapUpdateBatch: bpf.func(
      "int bpf_map_update_batch(int fd, const void *keys, const void *values, void *count, const void *opts)",
    ),
    mapDeleteBatch: bpf.func("int bpf_map_delete_batch(int fd, const void *keys, void *count, const void *opts)"),
    // Objects of the kernel
    objPin: bpf.func("int bpf_obj_pin(int fd, const char *path)"),
    objGet: bpf.func("int bpf_obj_get(const char *path)"),
    objInfo: bpf.func("int bpf_obj_get_info_by_fd(int fd, void *info, void *size)"),
    programNextId: bpf.func("int bpf_prog_get_next_id(uint32_t id, void *next)"),
    programFdById: bpf.func("int bpf_prog_get_fd_by_id(uint32_t id)"),
    mapFdById: bpf.func("int bpf_map_get_fd_by_id(uint32_t id)"),
    btfFdById: bpf.func("int bpf_btf_get_fd_by_id(uint32_t id)"),
    probeHelper: bpf.func("int libbpf_probe_bpf_helper(int program, int helper, const void *opts)"),
    probeProgramType: bpf.func("int libbpf_probe_bpf_prog_type(int program, const void *opts)"),
    probeMapType: bpf.func("int libbpf_probe_bpf_map_type(int map, const void *opts)"),
    testRun: bpf.func("int bpf_prog_test_run_opts(int fd, void *opts)"),
    linkUpdate: bpf.func("int bpf_link_update(int link, int program, const void *opts)"),
    linkCreate: bpf.func("int bpf_link_create(int program, int target, int type, const void *opts)"),
    tcHookCreate: bpf.func("int bpf_tc_hook_create(void *hook)"),
    tcAttach: bpf.func("int bpf_tc_attach(const void *hook, void *opts)"),
    tcDetach: bpf.func("int bpf_tc_detach(const void *hook, const void *opts)"),
    tcQuery: bpf.func("int bpf_tc_query(const void *hook, void *opts)"),
    possibleCpus: bpf.func("int libbpf_num_possible_cpus()"),
    // libc
    close: libc.func("int close(int fd)"),
    fcntl: libc.func("int fcntl(int fd, int command, int argument)"),
    mmap: libc.func("void *mmap(void *address, size_t size, int protection, int flags, int fd, int64_t offset)"),
    munmap: libc.func("int munmap(void *address, size_t size)"),
    syscallBpf: libc.func("long syscall(long number, int command, void *attr, uint32_t size)"),
    vsnprintf: libc.func("int vsnprintf(void *buffer, size_t size, const char *format, void *arguments)"),
    clockGettime: libc.func("int clock_gettime(int clock, void *time)"),
  };
}

let bound: ReturnType<typeof bind> | undefined;

/** The bound functions; the libraries are loaded at the first call, not at import. */
export function native(): ReturnType<typeof bind> {
  if (!bound) {
    bound = bind();
    // Messages reach the caller as errors and verifier logs; nothing is printed.
    bound.setPrint(null);
  }
  return bound;
}

/** The errno of the last call of {@link native} that was not asynchronous. */
export function lastErrno(): number {
  return koffi.errno();
}

/** Memory at a C pointer, without a copy. The caller keeps it mapped. */
export function viewOf(pointer: Pointer, size: number): ArrayBuffer {
  return koffi.view(pointer, size);
}

/** The address of a buffer, for structures that hold pointers. The caller keeps the buffer alive. */
export function addressOf(buffer: Uint8Array): bigint {
  return koffi.address(buffer);
}

/** Calls a bound function on a worker thread. */
export function callAsync(name: keyof ReturnType<typeof bind>, ...args: readonly unknown[]): Promise<number> {
  const call = native()[name] as unknown as {
    async(...all: readonly unknown[]): void;
  };
  return new Promise((resolve, reject) => {
    call.async(...args, (error: Error | null, result: number) => (error ? reject(error) : resolve(result)));
  });
}

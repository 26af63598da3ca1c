import koffi from "koffi";
import { native } from "./library.ts";

/** `enum libbpf_print_level`: what is more than a warning says nothing about a failure. */
const WARNING = 0;
const longest = 4096;

let printer: ReturnType<typeof koffi.pointer> | undefined;

/**
 * Runs `call` and collects the warnings that libbpf writes meanwhile, which say more than
 * its return value: which map it could not make, for one. On the calling thread only.
 */
export function collectWarnings<T>(call: () => T): { result: T; warnings: readonly string[] } {
  const warnings: string[] = [];
  const buffer = Buffer.alloc(longest);
  // A va_list is handed on by its address, which is how the ABIs of x86-64 and arm64 pass it.
  printer ??= koffi.pointer(koffi.proto("int libbpf_printer(int level, const char *format, void *arguments)"));
  const callback = koffi.register((level: number, format: string, values: unknown): number => {
    if (level !== WARNING) return 0;
    const length = native().vsnprintf(buffer, longest, format, values) as number;
    const text = buffer.toString("utf8", 0, Math.min(length, longest - 1));
    warnings.push(text.trim().replace(/^libbpf: /, ""));
    return length;
  }, printer);
  native().setPrint(callback);
  try {
    return { result: call(), warnings };
  } finally {
    native().setPrint(null);
    koffi.unregister(callback);
  }
}

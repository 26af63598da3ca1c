import { readFileSync } from "node:fs";

/** Tells this boot of the machine from every other: Documentation/admin-guide/sysctl/kernel.rst. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

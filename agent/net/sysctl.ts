import { readFileSync, writeFileSync } from "node:fs";

import { NetError } from "./error.ts";

/** A setting of the thread's network namespace: the path below /proc/sys, and its value. */
export interface Sysctl {
  /** E.g. `net/ipv4/conf/eth0/forwarding`: slashes, since device names may hold dots. */
  readonly path: string;
  readonly value: string;
  /** A kernel without the setting, e.g. one without IPv6, is as good. */
  readonly optional?: boolean;
}

/**
 * The value in force; undefined when the kernel does not have the setting.
 * @throws NetError `sysctl`.
 */
export function readSysctl(path: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${path}`, "utf8").trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new NetError("sysctl", `read sysctl ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** Whether a setting has its value already. @throws NetError `sysctl`. */
export function holdsSysctl({ path, value, optional }: Sysctl): boolean {
  const now = readSysctl(path);
  return now === value || (now === undefined && optional === true);
}

/**
 * Brings a setting to its value, and says whether it had another.
 * A value that is right is not written: the folder may be read-only, and some settings
 * have effects when they are written, equal or not.
 * @throws NetError `sysctl`, also when the kernel does not have a setting that is not optional.
 */
export function ensureSysctl(setting: Sysctl): boolean {
  if (holdsSysctl(setting)) return false;
  const { path, value } = setting;
  try {
    writeFileSync(`/proc/sys/${path}`, value);
  } catch (error) {
    throw new NetError("sysctl", `set sysctl ${path} to ${value}: ${(error as Error).message}`, { cause: error });
  }
  return true;
}

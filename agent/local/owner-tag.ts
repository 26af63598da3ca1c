import { readFileSync } from "node:fs";

const prefix = "weir-lab";
/** Of the connectivity test's namespaces and objects, too, which an agent knows. */
const pattern = /^weir-(?:lab|test)-(\d+)-([0-9a-z]+)-/;

/** When a process started, in clock ticks since boot; undefined when there is none of that number. */
function startTime(pid: number): string | undefined {
  try {
    // The second field, in parentheses, is the program's name and may hold anything.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // Field 22 of proc(5); the first one here is field 3.
    return Number(fields[22 - 3]).toString(36);
  } catch {
    return undefined;
  }
}

/** Begins every name that this process gives to something that outlives a crash. */
export function ownTag(): string {
  return `${prefix}-${process.pid}-${startTime(process.pid) ?? "0"}`;
}

/** Whether a name was given by a process that is no more: nobody else will clean it up. */
export function isOrphan(name: string): boolean {
  const match = pattern.exec(name);
  return match !== null && startTime(Number(match[1])) !== match[2];
}

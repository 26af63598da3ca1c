import { readdirSync, readFileSync } from "node:fs";

/** What the kernel and Node know of this process. */
export interface ProcessUse {
  readonly userSeconds: number;
  readonly systemSeconds: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
  /** Since the process started. */
  readonly eventLoopBusySeconds: number;
  readonly openDescriptors: number;
  readonly maxDescriptors: number;
  /** Since 1970. */
  readonly startSeconds: number;
}

/** Nothing of it runs between two calls: no timer, no observer of the garbage collector. */
export function readProcess(): ProcessUse {
  const { user, system } = process.cpuUsage();
  const { rss, heapUsed } = process.memoryUsage();
  return {
    userSeconds: user / 1e6,
    systemSeconds: system / 1e6,
    residentBytes: rss,
    heapBytes: heapUsed,
    eventLoopBusySeconds: performance.eventLoopUtilization().active / 1000,
    // One of them is that of the folder itself.
    openDescriptors: readdirSync("/proc/self/fd").length - 1,
    maxDescriptors: maxDescriptors(),
    startSeconds: performance.timeOrigin / 1000,
  };
}

/** The soft limit: proc_pid_limits(5). Always a number, of at most `fs.nr_open`. */
function maxDescriptors(): number {
  return Number(/^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]);
}

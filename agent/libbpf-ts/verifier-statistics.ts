/** BPF_LOG_STATS of the kernel's `bpf_verifier.h`, since Linux 5.2. */
export const statisticsLevel = 4;

/** What it took the verifier to accept a program. */
export interface VerifierStatistics {
  /** Instructions looked at, on all ways through the program; the kernel allows a million. */
  readonly instructions: number;
  readonly states: number;
  readonly peakStates: number;
  /** Bytes of each function's stack. */
  readonly stack: readonly number[];
}

/** Reads the two lines that the verifier writes at that level; null when they are not there. */
export function parseStatistics(log: string): VerifierStatistics | null {
  const counts = /processed (\d+) insns .*total_states (\d+) peak_states (\d+)/.exec(log);
  const stack = /stack depth ([\d+]+)/.exec(log);
  if (!counts || !stack) return null;
  const [instructions = 0, states = 0, peakStates = 0] = counts.slice(1).map(Number);
  return { instructions, states, peakStates, stack: (stack[1] ?? "").split("+").map(Number) };
}

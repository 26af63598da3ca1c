/** What the exit status of `weir` means; scripts rely on it. */
export const ExitCode = {
  fine: 0,
  failed: 1,
  /** Bad usage or bad input. */
  usage: 2,
  /** No agent answers. */
  unreachable: 3,
  notFound: 4,
  degraded: 5,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

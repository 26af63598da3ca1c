/** An interrupted bench leaves nothing behind: a lab cleans up when the process exits, not when a signal kills it. */
export function exitOnSignals(): Disposable {
  const exit = () => process.exit(1);
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, exit);
  return {
    [Symbol.dispose]: () => {
      for (const signal of signals) process.off(signal, exit);
    },
  };
}

/** What stands in an agent's run folder. */

/** The full API. */
export function agentSocket(runDir: string): string {
  return `${runDir}/agent.sock`;
}

/** The calls of the CNI binary, past whatever happens on the other sockets. */
export function cniSocket(runDir: string): string {
  return `${runDir}/cni.sock`;
}

/** What changes nothing, for those who may see only. */
export function observeSocket(runDir: string): string {
  return `${runDir}/observe.sock`;
}

export function pidFile(runDir: string): string {
  return `${runDir}/agent.pid`;
}

/** What the proxy writes: it outlives the agent, and what that one's output goes to. */
export function proxyLog(runDir: string): string {
  return `${runDir}/proxy.log`;
}

/** Hubble's API. */
export function hubbleSocket(runDir: string): string {
  return `${runDir}/hubble.sock`;
}

import { join } from "node:path";
import type { Clock } from "#agent/runtime/clock.ts";
import type { AgentConfig } from "#agent/runtime/config.ts";
import type { Log } from "#agent/runtime/log.ts";
import type { Backend } from "./backend.ts";
import { EmbeddedStore } from "./embedded.ts";
import { StoreError } from "./errors.ts";
import type { ServerOptions } from "./remote-options.ts";
import { RemoteStore } from "./remote-store.ts";
import type { Store } from "./store.ts";

type Kind = AgentConfig["store"];

/**
 * The store that the configuration names. One on a server is there at once; whether the
 * server answers is told by its health.
 *
 * @throws StoreError `refused` when options do not go together; JournalError.
 */
export async function openStore(config: AgentConfig, clock: Clock, log: Log): Promise<Store> {
  const { store: kind } = config;
  if (kind === "embedded") return EmbeddedStore.open(join(config.stateDir, "store.journal"));
  const server = serverOptions(config);
  return new RemoteStore(await openBackend(kind, server), { server, clock, log });
}

/** Each client is loaded only where it is wanted: memory, and the time of the start. */
async function openBackend(kind: Kind, server: ServerOptions): Promise<Backend> {
  switch (kind) {
    case "etcd": {
      const { EtcdBackend } = await import("./etcd.ts");
      return new EtcdBackend(server);
    }
    case "consul": {
      const { ConsulBackend } = await import("./consul.ts");
      return new ConsulBackend(server);
    }
    default:
      throw refused(`use --store ${kind}`, "this version has no such store");
  }
}

const defaultPorts: Partial<Record<Kind, number>> = { etcd: 2379, consul: 8500 };

function serverOptions(config: AgentConfig): ServerOptions {
  if ((config.storeCert === null) !== (config.storeKey === null)) {
    throw refused("use a certificate for the store", "--store-cert and --store-key go together, and one is missing");
  }
  if ((config.storeUser === null) !== (config.storePasswordFile === null)) {
    throw refused("be a user of the store", "--store-user and --store-password-file go together, and one is missing");
  }
  if (config.storeUser !== null && config.store !== "etcd") {
    throw refused("be a user of the store", `--store-user is for etcd, and --store is ${config.store}`);
  }
  if (config.storeTokenFile !== null && config.store !== "consul") {
    throw refused("use a token for the store", `--store-token-file is for consul, and --store is ${config.store}`);
  }
  return {
    addresses: config.storeAddress ?? [`http://127.0.0.1:${defaultPorts[config.store]}`],
    prefix: config.storePrefix,
    node: config.nodeName,
    ca: config.storeCa,
    certificate: config.storeCert,
    key: config.storeKey,
    user: config.storeUser,
    passwordFile: config.storePasswordFile,
    tokenFile: config.storeTokenFile,
    lifetime: Number(config.storeNodeLifetime / 1_000_000_000n),
  };
}

function refused(asked: string, obstacle: string): StoreError {
  return new StoreError("refused", { asked, obstacle, remedy: "see weir agent --help" });
}

import { ConsulBackend } from "#agent/store/consul.ts";
import { EtcdBackend } from "#agent/store/etcd.ts";
import { consulKind, etcdKind } from "#test/support/store-server.ts";
import type { RemoteKind } from "./use-store-server.ts";

export const etcd: RemoteKind = {
  server: etcdKind,
  backend: (options) => new EtcdBackend(options),
  endSessions: async (server) => {
    const answer = JSON.parse(await server.ask("/v3/lease/leases", { method: "POST", body: "{}" })) as {
      leases?: { ID: string }[];
    };
    for (const { ID } of answer.leases ?? []) {
      await server.ask("/v3/lease/revoke", { method: "POST", body: JSON.stringify({ ID }) });
    }
  },
};

export const consul: RemoteKind = {
  server: consulKind,
  backend: (options) => new ConsulBackend(options),
  endSessions: async (server) => {
    const sessions = JSON.parse(await server.ask("/v1/session/list")) as { ID: string }[];
    for (const { ID } of sessions) await server.ask(`/v1/session/destroy/${ID}`, { method: "PUT" });
  },
};

import { consul as kind } from "./kinds.ts";
import { serverCases } from "./server-cases.ts";
import { storeCases } from "./store-cases.ts";
import { freshPrefix, openClient, useStoreServer } from "./use-store-server.ts";

const server = useStoreServer(kind.server);
let shared = "";

storeCases({
  kind: "consul",
  open: async () => {
    shared = freshPrefix();
    return openClient(kind, { addresses: [server().address], prefix: shared });
  },
  join: async () => openClient(kind, { addresses: [server().address], prefix: shared }),
});

serverCases(kind);

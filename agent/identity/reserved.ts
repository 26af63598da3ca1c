import { ReservedIdentity } from "#agent/datapath/layouts.gen.ts";

/** The numbers with a fixed meaning, by the names under which they are shown: `remote-node`. */
export const RESERVED_IDENTITIES: ReadonlyMap<number, string> = new Map(
  Object.entries(ReservedIdentity).map(([name, id]) => [id, name.toLowerCase().replaceAll("_", "-")]),
);

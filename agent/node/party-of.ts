import type { Outsiders } from "#agent/endpoint/outsiders.ts";
import type { Party } from "#policy/model/flow.ts";
import { RESERVED_PARTIES, reservedIdentities } from "#policy/model/reserved.ts";

const parties = new Map(RESERVED_PARTIES.map((reserved) => [reservedIdentities[reserved], { reserved }]));

/** Who an identity is that is no pod's; the world where nobody knows. */
export function partyOf(identity: number, outsiders: Pick<Outsiders, "party">): Party {
  return parties.get(identity) ?? outsiders.party(identity) ?? { reserved: "world" };
}

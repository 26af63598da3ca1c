import { type AddressToken, blockToken, tokenBlock } from "#policy/model/address-token.ts";
import { parseAddress } from "#policy/model/cidr.ts";
import { type Party, isOutside } from "#policy/model/flow.ts";
import { type ReservedParty, RESERVED_PARTIES } from "#policy/model/reserved.ts";
import { type AddressCell, AddressCells, chainOf } from "./address-cells.ts";
import { type Candidate, familyOf, knownAddresses, knownParties, namedParties } from "./party-candidates.ts";
import type { PartyClass, PartyEnd, PartyFace, PartyKind, PartyMember } from "./party-class.ts";
import { PartySignatures } from "./party-signature.ts";
import type { World } from "./world.ts";

interface Draft {
  readonly kind: PartyKind;
  readonly faces: readonly PartyFace[];
  readonly members: PartyMember[];
}

/** In this order classes are listed. */
const KINDS: readonly PartyKind[] = ["pod", "host", "remote-node", "kube-apiserver", ...RESERVED_PARTIES];

/**
 * Everybody who can be at an end of traffic, in classes that no rule of any world tells apart: pods and nodes
 * of which objects tell, the API server, what is outside of the cluster by its addresses, the own node, and
 * other reserved parties that rules speak of. Of those no object tells where they are: they may
 * have any address that nobody else has. What only one world has is in the others as it is in that one.
 */
export class Parties {
  readonly classes: readonly PartyClass[];
  readonly cells: AddressCells;
  readonly #worlds: readonly World[];
  readonly #signatures: readonly PartySignatures[];

  constructor(worlds: readonly World[]) {
    this.#worlds = worlds;
    this.#signatures = worlds.map((world) => new PartySignatures(world));
    const tokens = new Set(worlds.flatMap((world) => [...world.tokens]));
    this.cells = new AddressCells([...tokens].flatMap((token) => tokenBlock(token)?.cidr ?? []));
    const known = knownParties(worlds);
    const taken = knownAddresses(worlds);
    const elsewhere = this.cells.cells.flatMap((cell): Place[] => {
      const address = this.cells.representative(cell, taken);
      return address === null ? [] : [{ cell, address }];
    });
    const hidden = [...namedParties(worlds)].filter((party) => !known.some(({ kind }) => kind === party));
    const classes = [
      ...this.#classify(known),
      ...hidden.flatMap((reserved) => this.#unplaced(reserved, elsewhere)),
      ...this.#unplaced("world", elsewhere),
    ];
    this.classes = KINDS.flatMap((kind, i) =>
      KINDS.indexOf(kind) === i ? classes.filter((one) => one.kind === kind) : [],
    );
  }

  /** What the rules of a world say of a party's address; sorted. Not of its names. */
  tokensOf(party: Party, world: number): AddressToken[] {
    const address = party.address === undefined ? null : parseAddress(party.address);
    return address ? this.#tokensAt(this.cells.cellOf(address), isOutside(party), world) : [];
  }

  #classify(candidates: readonly Candidate[]): PartyClass[] {
    const drafts = new Map<string, Draft>();
    for (const { kind, name, ends } of candidates) {
      const faces = new Map<string, { families: Set<4 | 6>; tokens: AddressToken[][]; number: number }>();
      const own = ends.map(({ family, parties }): PartyEnd => {
        const tokens = parties.map((party, world) => this.tokensOf(party, world));
        const key = JSON.stringify(tokens);
        let face = faces.get(key);
        if (!face) faces.set(key, (face = { families: new Set(), tokens, number: faces.size }));
        if (family !== null) face.families.add(family);
        return { family, face: face.number, parties };
      });
      const list = [...faces.values()].map(({ families, tokens }): PartyFace => ({ families: [...families], tokens }));
      const parties = (own[0] as PartyEnd).parties;
      const key = JSON.stringify([kind, parties.map((party, world) => this.#signatureOf(party, world)), list]);
      let draft = drafts.get(key);
      if (!draft) drafts.set(key, (draft = { kind, faces: list, members: [] }));
      draft.members.push({ name, ends: own });
    }
    return [...drafts.values()].map((draft) => ({ ...draft, description: listNames(draft.members), cells: [] }));
  }

  /** Parties of which nothing is known but that they have an address of their own. */
  #unplaced(reserved: ReservedParty, places: readonly Place[]): PartyClass[] {
    const byTokens = new Map<string, { tokens: AddressToken[][]; places: Place[] }>();
    for (const place of places) {
      const tokens = this.#worlds.map((_, world) => this.#tokensAt(place.cell, isOutside({ reserved }), world));
      const key = JSON.stringify([place.cell.cidr.family, tokens]);
      const found = byTokens.get(key);
      if (found) found.places.push(place);
      else byTokens.set(key, { tokens, places: [place] });
    }
    return [...byTokens.values()].map(({ tokens, places }) => {
      const ends = places.map(({ address }) => ({
        family: familyOf(address),
        face: 0,
        parties: this.#worlds.map((): Party => ({ reserved, address })),
      }));
      const families = [...new Set(ends.map(({ family }) => family))];
      const cells = places.map(({ cell }) => cell);
      const description = describePlaces(reserved, cells, byTokens.size === 1);
      return {
        kind: reserved,
        description,
        members: [{ name: description, ends }],
        faces: [{ families, tokens }],
        cells,
      };
    });
  }

  #tokensAt(cell: AddressCell, outside: boolean, world: number): AddressToken[] {
    const { tokens } = this.#worlds[world] as World;
    const scopes = outside ? (["any", "outside"] as const) : (["any"] as const);
    return [...chainOf(cell)]
      .flatMap(({ text }) => scopes.map((scope) => blockToken(text, scope)))
      .filter((token) => tokens.has(token))
      .sort();
  }

  #signatureOf(party: Party, world: number): string {
    const signatures = this.#signatures[world] as PartySignatures;
    if (party.subject) return signatures.ofPod(party.subject);
    return `${party.reserved} ${signatures.ofNode(party.nodeLabels)}`;
  }
}

interface Place {
  readonly cell: AddressCell;
  readonly address: string;
}

function listNames(members: readonly { readonly name: string }[]): string {
  const names = members.map(({ name }) => name);
  return names.length <= 4 ? names.join(", ") : `${names.slice(0, 3).join(", ")} and ${names.length - 3} more`;
}

function describePlaces(reserved: ReservedParty, cells: readonly AddressCell[], isAnywhere: boolean): string {
  if (isAnywhere) return reserved;
  const ranges = cells.map(({ text, children }) => (children.length > 0 ? `${text} outside of finer ranges` : text));
  return `${reserved} at ${ranges.join(", ")}`;
}

import type { FlowParty } from "./context.ts";

/** A power of two. */
const places = 1024;
/** Words of a key: endpoint, identity, address. */
const words = 6;

/**
 * The parties that have just been asked for: a flow's packets repeat themselves, and to find its ends' names
 * costs ten times what this does. A place holds one party; who comes there later has it.
 */
export class PartyMemo {
  readonly #keys = new Int32Array(places * words);
  readonly #parties: (FlowParty | undefined)[] = Array.from({ length: places });
  #isEmpty = true;

  /**
   * @param view has the party's address at `at`, 16 bytes.
   * @param ask is called where the party is not known.
   */
  get(endpoint: number, identity: number, view: DataView, at: number, ask: () => FlowParty): FlowParty {
    const [a, b] = [view.getInt32(at, true), view.getInt32(at + 4, true)];
    const [c, d] = [view.getInt32(at + 8, true), view.getInt32(at + 12, true)];
    const sum = Math.imul(endpoint ^ Math.imul(identity ^ a ^ b ^ c ^ d, 0x9e3779b1), 0x85ebca6b);
    const place = (sum ^ (sum >>> 15)) & (places - 1);
    const key = place * words;
    const keys = this.#keys;
    const known = this.#parties[place];
    if (
      known !== undefined &&
      keys[key] === (endpoint | 0) &&
      keys[key + 1] === (identity | 0) &&
      keys[key + 2] === a &&
      keys[key + 3] === b &&
      keys[key + 4] === c &&
      keys[key + 5] === d
    ) {
      return known;
    }
    const party = ask();
    keys[key] = endpoint;
    keys[key + 1] = identity;
    keys[key + 2] = a;
    keys[key + 3] = b;
    keys[key + 4] = c;
    keys[key + 5] = d;
    this.#parties[place] = party;
    this.#isEmpty = false;
    return party;
  }

  clear(): void {
    if (!this.#isEmpty) this.#parties.fill(undefined);
    this.#isEmpty = true;
  }
}

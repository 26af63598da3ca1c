import { createHash, randomBytes } from "node:crypto";

/** How long, in ms, the link that `weir ui` prints can be opened. */
const linkLifetime = 10 * 60_000;
/** How long, in ms, a browser that has opened one may look. */
const sessionLifetime = 12 * 3_600_000;
/** Links, and sessions, at one time; the oldest goes. */
const most = 64;

/** A secret for one link, and until when it can be used. */
export interface LinkToken {
  readonly token: string;
  readonly expires: Date;
}

/**
 * Who may see the page. A token is good once, and opens a session; both are kept by their
 * hashes, and only in memory: a restart of the agent ends all of them.
 */
export class PageAccess {
  readonly #now: () => number;
  readonly #links: Secrets;
  readonly #sessions: Secrets;

  /** @param now ms since 1970. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
    this.#links = new Secrets(linkLifetime);
    this.#sessions = new Secrets(sessionLifetime);
  }

  issue(): LinkToken {
    const now = this.#now();
    return { token: this.#links.make(now), expires: new Date(now + linkLifetime) };
  }

  /** The secret of a new session; null: nobody has been given this token, or it is used up. */
  open(token: string): string | null {
    const now = this.#now();
    return this.#links.take(token, now) ? this.#sessions.make(now) : null;
  }

  isOpen(session: string): boolean {
    return this.#sessions.has(session, this.#now());
  }
}

/** Secrets of one kind, by their hashes: how long a look-up takes tells nothing about them. */
class Secrets {
  readonly #lifetime: number;
  /** When each ends, oldest first. */
  readonly #ends = new Map<string, number>();

  constructor(lifetime: number) {
    this.#lifetime = lifetime;
  }

  make(now: number): string {
    const secret = randomBytes(32).toString("base64url");
    const [oldest] = this.#ends.keys();
    if (this.#ends.size >= most && oldest !== undefined) this.#ends.delete(oldest);
    this.#ends.set(hash(secret), now + this.#lifetime);
    return secret;
  }

  has(secret: string, now: number): boolean {
    return (this.#ends.get(hash(secret)) ?? 0) > now;
  }

  /** As {@link has}, and from then on it is not. */
  take(secret: string, now: number): boolean {
    const isGood = this.has(secret, now);
    this.#ends.delete(hash(secret));
    return isGood;
  }
}

function hash(secret: string): string {
  return createHash("sha256").update(secret).digest("base64");
}

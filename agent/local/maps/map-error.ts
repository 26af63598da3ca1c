export type MapErrorCode =
  /** Nothing is pinned where an agent pins its maps. */
  | "no-maps"
  | "no-such-map"
  | "not-permitted"
  /** The map is of a kind that has none. */
  | "no-entries";

/** Maps that cannot be looked into; the message is for people. */
export class MapError extends Error {
  override readonly name = "MapError";
  readonly code: MapErrorCode;

  constructor(code: MapErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

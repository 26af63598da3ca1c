/** Where an object was read. Objects of the API server have `file: "kubernetes"`, `line: null`. */
export interface Source {
  readonly file: string;
  /** First line of the object, from 1. */
  readonly line: number | null;
}

export interface ObjectBase {
  /** Empty for cluster-wide kinds. */
  readonly namespace: string;
  readonly name: string;
  readonly source: Source;
}

export type LoaderErrorCode = "kernel-lacks" | "map-incompatible" | "layout-differs" | "not-bpffs";

/** What stands in the way of the datapath; the message says what to do. */
export class LoaderError extends Error {
  override readonly name = "LoaderError";
  readonly code: LoaderErrorCode;

  constructor(code: LoaderErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

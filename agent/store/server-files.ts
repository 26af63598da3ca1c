import { readFileSync } from "node:fs";
import { reasonOf } from "#agent/runtime/errors.ts";
import { BackendError } from "./backend.ts";
import type { ServerOptions } from "./remote-options.ts";

/** What a TLS connection is made with, as node:tls names it. */
export interface TlsOptions {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** Certificates as they are now. @throws BackendError `refused` when a file cannot be read. */
export function readTls({ ca, certificate, key }: ServerOptions): TlsOptions {
  return {
    ...(ca === null ? {} : { ca: read(ca) }),
    ...(certificate === null ? {} : { cert: read(certificate) }),
    ...(key === null ? {} : { key: read(key) }),
  };
}

/** A password or a token: the file's first line. @throws BackendError `refused`. */
export function readSecret(path: string): string {
  return read(path).toString("utf8").split("\n", 1)[0]?.trim() ?? "";
}

function read(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new BackendError("refused", `cannot read ${path}: ${reasonOf(error)}`, { cause: error });
  }
}

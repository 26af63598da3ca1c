import { readFileSync, statSync } from "node:fs";
import { X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { ApiError } from "#agent/api/errors.ts";
import { reasonOf } from "#agent/runtime/errors.ts";

/** Where what the observer needs for TLS stands: PEM files. */
export interface IdentityFiles {
  readonly cert: string;
  readonly key: string;
  /** Who signs the certificates of those that may connect. */
  readonly ca: string;
}

/** What the observer shows of itself, and whom it lets in. */
export interface Identity {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer;
  /** A name that the certificate is for: what those that connect must expect. */
  readonly serverName: string;
}

/** @throws ApiError `hubble-tls` when a file cannot be read, or they do not belong together. */
export function readIdentity(files: IdentityFiles, nodeName: string): Identity {
  const [cert, key, ca] = [files.cert, files.key, files.ca].map(readPem) as [Buffer, Buffer, Buffer];
  try {
    createSecureContext({ cert, key });
    // OpenSSL takes a CA file without certificates for one that signs nobody's.
    void new X509Certificate(ca);
    return { cert, key, ca, serverName: serverNameOf(new X509Certificate(cert), nodeName) };
  } catch (error) {
    throw refused(`use certificate ${files.cert} with key ${files.key} and CA ${files.ca}`, error);
  }
}

function readPem(path: string): Buffer {
  try {
    if (!statSync(path).isFile()) throw new Error("it is no file");
    return readFileSync(path);
  } catch (error) {
    throw refused(`read ${path}`, error);
  }
}

/** The first name of a host in it; a star there is for the node. */
function serverNameOf({ subjectAltName }: X509Certificate, nodeName: string): string {
  const names = (subjectAltName ?? "").split(", ").filter((name) => name.startsWith("DNS:"));
  const [first] = names.map((name) => name.slice("DNS:".length));
  // A star stands for one label.
  return first?.replace(/^\*/, nodeName.replaceAll(".", "-")) ?? nodeName;
}

function refused(asked: string, cause: unknown): ApiError {
  return new ApiError("hubble-tls", { asked, obstacle: reasonOf(cause) }, { cause });
}

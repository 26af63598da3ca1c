import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Paths of PEM files. */
export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** An authority in a folder of a test's, that signs certificates. */
export class CertificateAuthority {
  readonly #folder: string;
  readonly #name: string;

  constructor(folder: string, name: string) {
    this.#folder = folder;
    this.#name = name;
    const { certificate, key } = this.#files(name);
    openssl(["req", "-x509", ...newKey(key), "-out", certificate, "-days", "2", "-subj", `/CN=${name}`]);
  }

  get certificate(): string {
    return this.#files(this.#name).certificate;
  }

  /** @param names what the certificate is for: `DNS:a.example,IP:192.0.2.1`. */
  sign(name: string, names = "IP:127.0.0.1"): Certificate {
    const { certificate, key } = this.#files(name);
    const [request, extensions] = [join(this.#folder, `${name}.csr`), join(this.#folder, `${name}.ext`)];
    writeFileSync(extensions, `subjectAltName=${names}\nextendedKeyUsage=serverAuth,clientAuth\n`);
    openssl(["req", ...newKey(key), "-out", request, "-subj", `/CN=${name}`]);
    const authority = ["-CA", this.certificate, "-CAkey", this.#files(this.#name).key, "-CAcreateserial"];
    openssl(["x509", "-req", "-in", request, ...authority, "-out", certificate, "-days", "2", "-extfile", extensions]);
    return { certificate, key };
  }

  #files(name: string): Certificate {
    return { certificate: join(this.#folder, `${name}.pem`), key: join(this.#folder, `${name}.key`) };
  }
}

function newKey(path: string): string[] {
  return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", path];
}

function openssl(args: readonly string[]): void {
  execFileSync("openssl", args, { stdio: ["ignore", "ignore", "pipe"] });
}

import { option } from "./option.ts";
import { filePath, hostPort } from "./option-values.ts";

/** The options of `weir agent` about Hubble's API on the network. */
export const hubbleOptions = {
  hubbleAddress: option({
    flag: "hubble-address",
    value: "IP:PORT",
    description:
      "Hubble's API for other machines, with TLS for both sides; hubble.sock in --run-dir has it in any case.",
    default: null,
    defaultText: "off",
    schema: hostPort,
    needs: ["hubble-cert", "hubble-key", "hubble-ca"],
  }),
  hubbleCert: option({
    flag: "hubble-cert",
    value: "FILE",
    description: "The certificate (PEM) that --hubble-address shows.",
    default: null,
    defaultText: "none",
    schema: filePath,
    needs: ["hubble-address"],
  }),
  hubbleKey: option({
    flag: "hubble-key",
    value: "FILE",
    description: "Its private key (PEM).",
    default: null,
    defaultText: "none",
    schema: filePath,
    needs: ["hubble-address"],
  }),
  hubbleCa: option({
    flag: "hubble-ca",
    value: "FILE",
    description: "Certificates (PEM) of those who sign the certificates of whom --hubble-address lets in.",
    default: null,
    defaultText: "none",
    schema: filePath,
    needs: ["hubble-address"],
  }),
} as const;

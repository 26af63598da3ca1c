import { option } from "./option.ts";
import { loopbackPort } from "./option-values.ts";

/** The option of `weir agent` about the page of `weir ui`. */
export const uiOptions = {
  uiAddress: option({
    flag: "ui-address",
    value: "IP:PORT",
    description: "Where the page of `weir ui` is served, for browsers on this machine only.",
    default: null,
    defaultText: "nowhere",
    schema: loopbackPort,
  }),
} as const;

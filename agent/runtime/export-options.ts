import { option } from "./option.ts";
import { filePath, integer, queryText } from "./option-values.ts";

/** Bytes of a mebibyte. */
const mebibyte = 1024 * 1024;

/** The options of `weir agent` about flows that are brought to somewhere else. */
export const exportOptions = {
  flowLog: option({
    flag: "flow-log",
    value: "FILE",
    description: "Flows are appended to this file, as weir observe -o json has them, one a line.",
    default: null,
    defaultText: "none",
    schema: filePath,
  }),
  flowLogMaxSize: option({
    flag: "flow-log-max-size",
    value: "MIB",
    description: "MiB at which that file becomes FILE.1, FILE.1 becomes FILE.2 and so on.",
    default: "100",
    schema: integer(1, 1024 * 1024).transform((size) => size * mebibyte),
  }),
  flowLogFiles: option({
    flag: "flow-log-files",
    value: "N",
    description: "How many such files are kept beside FILE.",
    default: "5",
    schema: integer(1, 1000),
  }),
  flowLogFilter: option({
    flag: "flow-log-filter",
    value: "QUERY",
    description: "Which flows are written there, as the API's GET /v1/flows takes it: verdict=DROPPED&namespace=shop.",
    default: null,
    defaultText: "all",
    schema: queryText,
    needs: ["flow-log"],
  }),
} as const;

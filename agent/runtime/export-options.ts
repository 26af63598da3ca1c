import { option } from "./option.ts";
import { boolean, collectorUrl, filePath, headerNames, integer, queryText } from "./option-values.ts";

/** Bytes of a mebibyte. */
const mebibyte = 1024 * 1024;

/** The options of `weir agent` about what flows have, and where they are brought to. */
export const exportOptions = {
  l7ShowHeaders: option({
    flag: "l7-show-headers",
    value: "NAMES",
    description:
      "Headers of HTTP whose values flows have; those of all others but a few harmless ones are redacted in the proxy.",
    default: "none",
    repeatable: true,
    schema: headerNames,
  }),
  l7NameDenier: option({
    flag: "l7-name-denier",
    value: "BOOL",
    description: "Whether a denied HTTP request is answered with the policies that deny it, in x-weir-denied-by.",
    default: "false",
    schema: boolean,
  }),
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
  otlpEndpoint: option({
    flag: "otlp-endpoint",
    value: "URL",
    description: "Flows are sent to this collector of OpenTelemetry, as logs by OTLP/HTTP; without a path to /v1/logs.",
    default: null,
    defaultText: "none",
    schema: collectorUrl,
  }),
  otlpHeadersFile: option({
    flag: "otlp-headers-file",
    value: "FILE",
    description: "Headers that it wants, one a line, such as Authorization: Bearer ....",
    default: null,
    defaultText: "none",
    schema: filePath,
    needs: ["otlp-endpoint"],
  }),
  otlpCa: option({
    flag: "otlp-ca",
    value: "FILE",
    description: "Certificates (PEM) of who signs its own.",
    default: null,
    defaultText: "those that Node trusts",
    schema: filePath,
    needs: ["otlp-endpoint"],
  }),
  otlpFilter: option({
    flag: "otlp-filter",
    value: "QUERY",
    description: "Which flows are sent there; as --flow-log-filter.",
    default: null,
    defaultText: "all",
    schema: queryText,
    needs: ["otlp-endpoint"],
  }),
} as const;

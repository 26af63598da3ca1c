import { readFileSync } from "node:fs";
import { validateHeaderName, validateHeaderValue } from "node:http";
import { reasonOf } from "#agent/runtime/errors.ts";
import { ExportError } from "./errors.ts";

/** What the exporter says itself. */
const own = new Set(["content-type", "content-encoding", "content-length", "transfer-encoding", "connection", "host"]);

/**
 * Headers that a collector wants, such as `Authorization: Bearer ...`: one a line; empty lines and those that begin
 * with `#` are passed over. What a line says is in no message: it is a secret.
 *
 * @throws ExportError `otlp`.
 */
export function readHeaders(path: string): Readonly<Record<string, string>> {
  const asked = `read headers from ${path}`;
  const refuse = (obstacle: string, cause?: unknown): ExportError => {
    return new ExportError("otlp", { asked, obstacle, remedy: "a line is like Name: value" }, { cause });
  };
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new ExportError("otlp", { asked, obstacle: reasonOf(error) }, { cause: error });
  }
  const headers: Record<string, string> = {};
  for (const [i, line] of text.split("\n").entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, name = "", value = ""] = /^([^:\s]+):(.*)$/.exec(line.trim()) ?? [];
    try {
      validateHeaderName(name);
      validateHeaderValue(name, value.trim());
    } catch {
      // The error of node:http has the text, which is a secret.
      throw refuse(`line ${i + 1} is no header`);
    }
    if (own.has(name.toLowerCase())) throw refuse(`line ${i + 1}: ${name} is not for others to say`);
    headers[name.toLowerCase()] = value.trim();
  }
  return headers;
}

import { readFile } from "node:fs/promises";
import { isIP } from "node:net";
import { InvalidArgumentError } from "commander";
import { HOST_ENDPOINT } from "#agent/api/views.ts";
import type { Cli } from "./cli.ts";

/** A number from `min` to `max`, as an option's or argument's value. */
export function numberBetween(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`It is not a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** A number that is no less than 0. */
export const wholeNumber = numberBetween(0, Number.MAX_SAFE_INTEGER);

/** An endpoint: its number, or `host` for the node itself. */
export function endpointNumber(text: string): number {
  if (text === "host") return HOST_ENDPOINT;
  if (!/^\d{1,15}$/.test(text)) {
    throw new InvalidArgumentError("It is neither a number of `weir endpoint list` nor host, the node itself.");
  }
  return Number(text);
}

/** The other way round. */
export function endpointNames(endpoints: readonly number[]): string {
  return endpoints.map((id) => (id === HOST_ENDPOINT ? "host" : String(id))).join(",");
}

const rateUnits = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s", "Pbit/s"];

/** `100 Mbit/s` */
export function bitRate(bitsPerSecond: number): string {
  const power = Math.min(rateUnits.length - 1, Math.floor(Math.log10(Math.max(bitsPerSecond, 1)) / 3));
  return `${Number((bitsPerSecond / 1000 ** power).toFixed(3))} ${rateUnits[power]}`;
}

/** `KIND/NAMESPACE/NAME` */
export function objectName(text: string): string {
  if (!/^[^/]+\/[^/]*\/[^/]+$/.test(text)) {
    throw new InvalidArgumentError("It is not KIND/NAMESPACE/NAME (cluster-wide: KIND//NAME).");
  }
  return text;
}

/** A regular expression. */
export function pattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new InvalidArgumentError(`It is not a regular expression: ${(error as Error).message}.`);
  }
}

/** An address, perhaps with a port. */
export interface HostPort {
  readonly address: string;
  readonly port: number | undefined;
}

/** `10.0.0.7`, `10.0.0.7:80`, `fd00::7`, `[fd00::7]:80`. */
export function hostPort(text: string): HostPort {
  const [, inBrackets, plain, port] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const address = inBrackets ?? plain ?? text;
  const number = port === undefined ? undefined : Number(port);
  if (isIP(address) === 0 || (number !== undefined && number > 65_535)) {
    throw new InvalidArgumentError("It is no address like 10.0.0.7 or 10.0.0.7:80 or [fd00::7]:80.");
  }
  return { address, port: number };
}

/** The other way round. */
export function joinHostPort(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** Collects an option that may be given several times, or with commas. */
export function listOf<T>(parse: (text: string) => T): (text: string, before: T[] | undefined) => T[] {
  const parseAll = (text: string, before: T[] = []): T[] => [...before, ...text.split(",").map((part) => parse(part))];
  return Object.assign(parseAll, { words: wordsOf(parse) });
}

/** One of some words, whatever their case. */
export function oneOf<T extends string>(...words: readonly T[]): (text: string) => T {
  const parse = (text: string): T => {
    const word = words.find((one) => one.toLowerCase() === text.toLowerCase());
    if (word === undefined) throw new InvalidArgumentError(`It is none of ${words.join(", ")}.`);
    return word;
  };
  return Object.assign(parse, { words });
}

/** The words that a parser takes, if it takes some words only: for completion. */
export function wordsOf(parse: unknown): readonly string[] | undefined {
  return typeof parse === "function" && "words" in parse ? (parse.words as readonly string[] | undefined) : undefined;
}

/** A file's text under the name that messages give it; `-` is standard input. @throws UnreadableError. */
export async function readDocument(cli: Cli, path: string): Promise<{ text: string; file: string }> {
  try {
    if (path !== "-") return { text: await readFile(path, "utf8"), file: path };
    let text = "";
    cli.io.stdin.setEncoding("utf8");
    for await (const piece of cli.io.stdin as AsyncIterable<string>) text += piece;
    return { text, file: "stdin" };
  } catch (error) {
    const { UnreadableError } = await import("#agent/local/unreadable.ts");
    throw new UnreadableError(path === "-" ? "stdin" : path, "file", error);
  }
}

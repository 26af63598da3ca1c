import { newestVersion, supportedVersions } from "./cni-version.ts";

/**
 * VERSION: which versions the binary speaks, under the version that was asked in. A
 * runtime may write nothing, or what is no JSON; it still gets its answer.
 */
export function version(input: string): object {
  return { cniVersion: askedVersion(input) ?? newestVersion, supportedVersions };
}

function askedVersion(input: string): string | undefined {
  try {
    const value: unknown = JSON.parse(input);
    if (typeof value !== "object" || value === null || !("cniVersion" in value)) return undefined;
    return typeof value.cniVersion === "string" ? value.cniVersion : undefined;
  } catch {
    return undefined;
  }
}

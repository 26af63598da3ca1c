/** The versions of the specification that the binary speaks, oldest first. */
export const supportedVersions = ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"] as const;
export type CniVersion = (typeof supportedVersions)[number];

export const newestVersion: CniVersion = "1.1.0";

export function isSupported(version: unknown): version is CniVersion {
  return supportedVersions.some((supported) => supported === version);
}

/** Whether a version is another or a later one. */
export function isAtLeast(version: CniVersion, other: CniVersion): boolean {
  return supportedVersions.indexOf(version) >= supportedVersions.indexOf(other);
}

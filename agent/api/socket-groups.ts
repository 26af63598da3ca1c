import { readFileSync } from "node:fs";

/** A group of the node's. */
export interface Group {
  readonly name: string;
  /** Undefined: this node has no such group. */
  readonly id: number | undefined;
}

/** Who, besides root, may use the sockets of the run folder. */
export interface SocketGroups {
  /** See and change. */
  readonly full: Group;
  /** See only. */
  readonly observe: Group;
}

/** The group `weir`; `weir-observe` for those that only look, and where there is none, `weir` for that, too. */
export function socketGroups(file = "/etc/group"): SocketGroups {
  const full = findGroup(file, "weir");
  const observe = findGroup(file, "weir-observe");
  return { full, observe: observe.id === undefined ? full : observe };
}

function findGroup(file: string, name: string): Group {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return { name, id: undefined }; // an image without users has no groups either
  }
  const line = text.split("\n").find((entry) => entry.startsWith(`${name}:`));
  const id = Number.parseInt(line?.split(":")[2] ?? "", 10);
  return { name, id: Number.isInteger(id) ? id : undefined };
}

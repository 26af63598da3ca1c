import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

/** Somebody who is not root. */
export interface OtherUser {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
}

/**
 * Runs the body of an ECMAScript module as somebody else, in a process of its own. It gets what
 * `preload` names by `import()` while it is still root, because another user may be unable to read it,
 * as `modules`; what it prints comes back.
 */
export async function asOtherUser(
  { uid, gid, groups }: OtherUser,
  preload: readonly string[],
  body: string,
): Promise<{ pid: number; printed: string }> {
  const script = [
    `const modules = await Promise.all(${JSON.stringify(preload)}.map((name) => import(name)));`,
    `process.setgroups(${JSON.stringify(groups)});`,
    `process.setgid(${gid});`,
    `process.setuid(${uid});`,
    body,
  ].join("\n");
  const args = ["--input-type=module", "--eval", script];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const printed = text(child.stdout);
  await once(child, "exit");
  return { pid: child.pid ?? 0, printed: await printed };
}

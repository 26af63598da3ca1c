import { join } from "node:path";
import type { SettingChange } from "#agent/net/forwarding.ts";
import { ensureSysctl } from "#agent/net/sysctl.ts";
import { keepSettings } from "#agent/runtime/kept-settings.ts";
import type { Log } from "#agent/runtime/log.ts";

/** Changes settings of the node. What they were is kept first, so that `weir cleanup` can change them back. */
export function changeSettings(stateDir: string, changes: readonly SettingChange[], log: Log): void {
  keepSettings(join(stateDir, "settings.json"), changes);
  for (const change of changes) {
    ensureSysctl(change);
    log.info(change, "setting of the node changed");
  }
}

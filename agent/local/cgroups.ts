import { readFileSync } from "node:fs";

/** Where cgroup hierarchies of a kind are mounted: `cgroup2`, or `cgroup` of version 1. */
function mounted(kind: "cgroup" | "cgroup2"): string[] {
  return readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "))
    .flatMap(([, path, type]) => (path !== undefined && type === kind ? [path] : []));
}

/** Where the unified cgroup hierarchy is mounted, if it is. */
export function cgroupRoot(): string | undefined {
  return mounted("cgroup2")[0];
}

/** Where any cgroup hierarchy is mounted. A container runtime makes its folders in all of them. */
export function cgroupHierarchies(): string[] {
  return [...mounted("cgroup2"), ...mounted("cgroup")];
}

/**
 * `$0`: a cgroup's name; the arguments: hierarchies, the unified one first. Ends what runs in the
 * unified hierarchy's folder (Linux 5.14), which is all, and removes the folder from each. What has
 * ended leaves its cgroup a moment later.
 */
const script = `
[ ! -e "$1/$0/cgroup.kill" ] || echo 1 >"$1/$0/cgroup.kill"
for attempt in $(seq 200); do
  left=
  for hierarchy; do
    find "$hierarchy/$0" -depth -type d -exec rmdir {} + 2>/dev/null
    [ ! -d "$hierarchy/$0" ] || left=$hierarchy/$0
  done
  [ -n "$left" ] || exit 0
  sleep 0.05
done
echo "remove cgroup $left: what runs in it did not end" >&2
exit 1
`;

/** The command that removes a cgroup by its name below the hierarchies' roots, with all that runs in it. */
export function cgroupRemoval(name: string): string[] {
  return ["sh", "-c", script, name, ...cgroupHierarchies()];
}

import type { StatusView } from "#agent/api/views.ts";
import { type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { ExitCode } from "#agent/cli/exit-code.ts";
import { type Paint, properties, table } from "#agent/cli/table.ts";

export const register: Register = (program, cli) => {
  program
    .command("status")
    .description("health of each part, counts, revision, map fill; exit status 5 when degraded")
    .addOption(outputOption())
    .action(async ({ output }: { output: Format }, command) => {
      const status = await cli.client(command).status();
      await cli.show(output, status, (value) => statusText(value, cli.paint));
      if (status.state !== "ok") cli.exitCode = ExitCode.degraded;
    });
};

function policyText({ policy: { enforcement, cidrMatchesPods, audit } }: StatusView): string {
  return [
    `enforcement ${enforcement}`,
    ...(cidrMatchesPods === "language" ? [] : [`cidr-matches-pods ${cidrMatchesPods}`]),
    ...(audit ? ["audit: nothing is enforced"] : []),
  ].join(", ");
}

function masqueradeText({ masquerade: { enabled, devices, allocated, retries, exhausted } }: StatusView): string {
  if (!enabled) return "off";
  if (devices.length === 0) return "on, without a device";
  const addresses = devices.map(
    ({ name, ipv4, ipv6 }) => `${name} as ${[ipv4, ipv6].filter(Boolean).join(", ") || "nobody"}`,
  );
  return `${addresses.join("; ")}; since load ${allocated} flows, ${retries} ports retried, ${exhausted} packets without a port`;
}

function proxyText({ proxy }: StatusView): string {
  const { state, pid, version, wanted, workers, connections, lostRecords, draining, bypassed } = proxy;
  const without = bypassed > 0 ? [`${bypassed} connections passed without it`] : [];
  if (pid === null) return [state, ...without].join("; ");
  const ended = [
    [proxy.refused, "too many at once"],
    [proxy.late, "without a request in time"],
    [proxy.unrecognised, "of no protocol that a rule asks for"],
    [proxy.unreachable, "whose server could not be reached"],
  ].flatMap(([count, what]) => (count === 0 ? [] : [`${count} ${what}`]));
  return [
    `${state}, process ${pid} with ${workers} workers, rules of version ${version}${version < wanted ? ` of ${wanted}` : ""}`,
    `${connections} connections, ${lostRecords} records lost`,
    ...(ended.length > 0 ? [`ended: ${ended.join(", ")}`] : []),
    ...(draining > 0 ? [`${draining} earlier with connections left`] : []),
    ...without,
  ].join("; ");
}

function namesText({ names: { names, addresses, kept, refused } }: StatusView): string {
  return `${names} with ${addresses} addresses, ${kept} kept for connections; ${refused} answers refused`;
}

function flowsText({ flows: { kept, capacity, seen, lost } }: StatusView): string {
  return `${seen} seen, ${lost} lost, ${kept} of ${capacity} kept`;
}

function cniText({ cni: { state, binary, conflist, plugins, cniVersions, setAside, events } }: StatusView): string {
  if (state === "off") return "not installed by the agent";
  const versions = [cniVersions.at(0), cniVersions.at(-1)].filter((version, n, all) => all.indexOf(version) === n);
  return [
    state,
    ...(conflist === null ? [] : [`${conflist}: ${plugins.join(", ")}; CNI ${versions.join(" to ")}`]),
    ...(conflist === null ? [] : [`${binary}`]),
    ...setAside.map((path) => `set aside: ${path}`),
    ...events.slice(-3).map(({ time, message }) => `${time} ${message}`),
  ].join("\n");
}

function statusText(status: StatusView, paint: Paint): string {
  const counts = Object.entries(status.endpoints).map(([state, count]) => `${count} ${state}`);
  const summary = properties(
    [
      ["State", status.state],
      ["Node", status.node],
      ["Revision", status.revision],
      ["Policy", policyText(status)],
      ["Store", `${status.store.kind}: ${status.store.state}`],
      ["Datapath", `${status.datapath.attach}, programs ${status.datapath.programs}`],
      ["Devices", status.datapath.devices.join(", ") || "none"],
      ["Masquerade", masqueradeText(status)],
      ["Proxy", proxyText(status)],
      ["Names", namesText(status)],
      ["CNI", cniText(status)],
      ["Flows", flowsText(status)],
      ["Endpoints", counts.join(", ") || "none"],
      ["Problems", status.problems.join("\n") || "none"],
    ],
    paint,
  );
  const ranges = table(
    status.ipam.ranges,
    [
      { title: "POOL", value: (range) => range.pool },
      { title: "RANGE", value: (range) => range.cidr },
      { title: "USED", value: (range) => range.used },
      { title: "COOLING", value: (range) => range.cooling },
      { title: "KEPT", value: (range) => range.kept },
      { title: "CAPACITY", value: (range) => range.capacity },
    ],
    paint,
  );
  const maps = table(
    status.maps,
    [
      { title: "MAP", value: (map) => map.name },
      { title: "ENTRIES", value: (map) => map.entries },
      { title: "CAPACITY", value: (map) => map.capacity },
      {
        title: "FILL",
        value: (map) => `${Math.round((100 * map.entries) / Math.max(1, map.capacity))}%`,
        style: (map) => (map.entries > 0.8 * map.capacity ? "yellow" : undefined),
      },
    ],
    paint,
  );
  return `${summary}\n${ranges}\n${maps}`;
}

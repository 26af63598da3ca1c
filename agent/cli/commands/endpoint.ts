import { type EndpointLogEntry, type EndpointView, HOST_ENDPOINT } from "#agent/api/views.ts";
import { type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { type Column, labelText, type Paint, properties, table } from "#agent/cli/table.ts";
import { bitRate, endpointNames, endpointNumber, wholeNumber } from "#agent/cli/values.ts";

interface Options {
  readonly output: Format;
}

const columns: readonly Column<EndpointView>[] = [
  { title: "ID", value: (endpoint) => endpoint.id },
  { title: "NAMESPACE", value: (endpoint) => endpoint.namespace },
  { title: "POD", value: (endpoint) => endpoint.pod },
  { title: "INTERFACE", value: (endpoint) => endpoint.ifName },
  { title: "IDENTITY", value: (endpoint) => endpoint.identity },
  { title: "IPV4", value: (endpoint) => endpoint.ipv4 },
  { title: "IPV6", value: (endpoint) => endpoint.ipv6 },
  {
    title: "STATE",
    value: (endpoint) => endpoint.state,
    style: (endpoint) => (endpoint.state === "ready" ? "green" : "yellow"),
  },
  { title: "INGRESS", value: (endpoint) => enforced(endpoint.policy.ingress) },
  { title: "EGRESS", value: (endpoint) => enforced(endpoint.policy.egress) },
  { title: "REVISION", value: (endpoint) => endpoint.revision },
];

const logColumns: readonly Column<EndpointLogEntry>[] = [
  { title: "TIME", value: (entry) => entry.time },
  { title: "EVENT", value: (entry) => entry.event },
  { title: "MESSAGE", value: (entry) => entry.message },
];

export const register: Register = (program, cli) => {
  const endpoint = program.command("endpoint").description("the pods of this node");
  endpoint
    .command("list")
    .description("all endpoints")
    .addOption(outputOption())
    .action(async ({ output }: Options, command) => {
      const endpoints = await cli.client(command).endpoints();
      await cli.show(output, endpoints, (rows) => table(rows, columns, cli.paint));
    });
  endpoint
    .command("get")
    .description("one endpoint")
    .argument("<id>", "number of the endpoint; host: the node itself, while policies select it", endpointNumber)
    .addOption(outputOption())
    .action(async (id: number, { output }: Options, command) => {
      await cli.show(output, await cli.client(command).endpoint(id), (value) => endpointText(value, cli.paint));
    });
  endpoint
    .command("log")
    .description("what happened to an endpoint, oldest first")
    .argument("<id>", "number of the endpoint", wholeNumber)
    .addOption(outputOption())
    .action(async (id: number, { output }: Options, command) => {
      await cli.show(output, await cli.client(command).endpointLog(id), (rows) => table(rows, logColumns, cli.paint));
    });
  endpoint
    .command("regenerate")
    .description("compile an endpoint's policy anew, and write it, its records and its programs again")
    .argument("<id>", "number of the endpoint", wholeNumber)
    .addOption(outputOption())
    .action(async (id: number, { output }: Options, command) => {
      const endpoint = await cli.client(command).regenerateEndpoint(id);
      await cli.show(output, endpoint, (value) => endpointText(value, cli.paint));
    });
  endpoint
    .command("labels")
    .description("an endpoint's own labels, and those that are its identity")
    .argument("<id>", "number of the endpoint", wholeNumber)
    .addOption(outputOption())
    .action(async (id: number, { output }: Options, command) => {
      const client = cli.client(command);
      const { labels, identity } = await client.endpoint(id);
      const { labels: identityLabels } = await client.identity(identity);
      await cli.show(output, { id, labels, identity, identityLabels }, (value) =>
        properties(
          [
            ["Labels", lines(value.labels)],
            ["Identity", value.identity],
            ["Its labels", lines(value.identityLabels)],
          ],
          cli.paint,
        ),
      );
    });
};

function endpointText(endpoint: EndpointView, paint: Paint): string {
  return properties(
    [
      ["Id", endpointNames([endpoint.id])],
      ...(endpoint.id === HOST_ENDPOINT
        ? []
        : ([
            ["Pod", `${endpoint.namespace}/${endpoint.pod}`],
            ["Container", endpoint.containerId],
            ["Interface", `${endpoint.ifName}, on the host ${endpoint.hostInterface}`],
          ] as const)),
      ["Labels", lines(endpoint.labels)],
      ["Identity", endpoint.identity],
      ["IPv4", endpoint.ipv4],
      ["IPv6", endpoint.ipv6],
      ["State", endpoint.state],
      ["Policy", `ingress ${enforced(endpoint.policy.ingress)}, egress ${enforced(endpoint.policy.egress)}`],
      ["Bandwidth", `egress ${limitText(endpoint.bandwidth.egress)}, ingress ${limitText(endpoint.bandwidth.ingress)}`],
      ["Revision", endpoint.revision],
    ],
    paint,
  );
}

function lines(labels: Readonly<Record<string, string>>): string {
  return labelText(labels).replaceAll(",", "\n");
}

function limitText(bitsPerSecond: number | null): string {
  return bitsPerSecond === null ? "unlimited" : bitRate(bitsPerSecond);
}

/** Whether some policy selects the endpoint in a direction; if none does, all is let through. */
function enforced(selected: boolean): string {
  return selected ? "enforced" : "open";
}

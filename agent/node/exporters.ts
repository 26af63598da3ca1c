import { type ExportContext, exportSelection } from "#agent/export/export-filter.ts";
import type { FlowExporter } from "#agent/export/exporter.ts";
import { FileExport } from "#agent/export/file-export.ts";
import { OtlpExport } from "#agent/export/otlp-export.ts";
import type { Clock } from "#agent/runtime/clock.ts";
import type { AgentConfig } from "#agent/runtime/config.ts";
import type { Log } from "#agent/runtime/log.ts";

/**
 * Where flows are brought to, by the options.
 *
 * @throws ExportError when one of them cannot be served.
 */
export async function openExporters(
  config: AgentConfig,
  context: ExportContext,
  clock: Clock,
  log: Log,
  stack: AsyncDisposableStack,
): Promise<readonly FlowExporter[]> {
  const exporters: FlowExporter[] = [];
  if (config.flowLog !== null) {
    const selection = exportSelection("flow-log-filter", config.flowLogFilter, context);
    const limits = { maxBytes: config.flowLogMaxSize, kept: config.flowLogFiles };
    exporters.push(stack.use(await FileExport.open({ path: config.flowLog, ...limits, selection, clock, log })));
  }
  const { otlpEndpoint: endpoint, otlpHeadersFile: headersFile, otlpCa: caFile, nodeName } = config;
  if (endpoint !== null) {
    const selection = exportSelection("otlp-filter", config.otlpFilter, context);
    exporters.push(stack.use(new OtlpExport({ endpoint, headersFile, caFile, nodeName, selection, clock, log })));
  }
  return exporters;
}

import { join } from "node:path";
import { Option } from "commander";
import type {
  Decision,
  Evaluation,
  EvaluationRequest,
  PolicyDocument,
  RequestQuestion,
} from "#agent/api/policy-views.ts";
import { type Cli, type Format, outputOption } from "#agent/cli/cli.ts";
import type { Register } from "#agent/cli/commands.ts";
import { CliError } from "#agent/cli/errors.ts";
import { ExitCode } from "#agent/cli/exit-code.ts";
import { isolationText, nearestText, ruleText, termsText } from "#agent/cli/rule-text.ts";
import { askedName, headerList, httpRequest } from "#agent/cli/request-values.ts";
import { type Paint, printable } from "#agent/cli/table.ts";
import { numberBetween, oneOf, readDocument } from "#agent/cli/values.ts";

interface Options {
  readonly from: string;
  readonly to: string;
  readonly port?: number;
  readonly protocol?: Protocol;
  readonly http?: RequestQuestion & { readonly family: "http" };
  readonly header?: (RequestQuestion & { readonly family: "http" })["headers"];
  readonly dns?: string;
  readonly sni?: string;
  readonly objects?: string;
  readonly candidate?: string;
  readonly enforcement?: "default" | "always" | "never";
  readonly cidrMatchesPods?: "language" | "true" | "false";
  readonly output: Format;
}

type Protocol = EvaluationRequest["protocol"];

const WITH_PORTS = ["TCP", "UDP", "SCTP"] as const;
const PORTLESS = ["VRRP", "IGMP", "GRE", "IPIP", "ESP", "AH"] as const;
const WITHOUT_PORTS = ["ICMP", "ICMPv6", ...PORTLESS] as const;

/** `eval`: what would happen to a connection, and which rules say so. */
export const registerEvaluation: Register = (policy, cli) => {
  policy
    .command("eval")
    .description("the verdict on a connection, or on a request on it, with the rules that give it")
    .requiredOption("--from <pod|ip>", "who connects: NAMESPACE/POD or an address")
    .requiredOption("--to <pod|ip>", "to whom")
    .option("--port <number>", "destination port (default: with --dns 53); of ICMP the type", numberBetween(0, 65_535))
    .option(
      "--protocol <name>",
      `${[...WITH_PORTS, ...WITHOUT_PORTS].join(", ")} (default: TCP; with --dns UDP)`,
      oneOf(...WITH_PORTS, ...WITHOUT_PORTS),
    )
    .addOption(
      new Option("--http <request>", 'and on it this request: "GET host/path"')
        .argParser(httpRequest)
        .conflicts(["dns", "sni"]),
    )
    .option("--header <header>", 'with --http: "Name: value"; may be given several times', headerList)
    .addOption(new Option("--dns <name>", "and on it a lookup of this name").argParser(askedName).conflicts("sni"))
    .option("--sni <name>", "and on it TLS, with this name in the client's hello", askedName)
    .option("--objects <folder>", "ask these files in place of an agent")
    .option(
      "--enforcement <mode>",
      "with --objects: which pods are guarded: default, always or never",
      oneOf("default", "always", "never"),
    )
    .option(
      "--cidr-matches-pods <when>",
      "with --objects: whether rules about addresses speak of pods, too: language, true or false",
      oneOf("language", "true", "false"),
    )
    .option("--candidate <file|folder>", "as if these objects were applied")
    .addOption(outputOption())
    .action(async (options: Options, command) => {
      const { from, to } = options;
      // DNS has a place of its own, and it is hardly ever another.
      const { protocol = options.dns === undefined ? "TCP" : "UDP" } = options;
      const { port = options.dns === undefined ? undefined : 53 } = options;
      const asked = requestOf(options, protocol);
      if (port === undefined && isOneOf(protocol, WITH_PORTS)) {
        throw new CliError(ExitCode.usage, `--port is missing: ${protocol} needs one`);
      }
      if ((port ?? 0) !== 0 && isOneOf(protocol, PORTLESS)) {
        throw new CliError(ExitCode.usage, `--port: ${protocol} has no ports`);
      }
      if (options.objects === undefined && (options.enforcement ?? options.cidrMatchesPods) !== undefined) {
        const message =
          "--enforcement and --cidr-matches-pods need --objects: an agent answers as it is set (weir config)";
        throw new CliError(ExitCode.usage, message);
      }
      const candidate =
        options.candidate === undefined ? {} : { candidate: await readCandidate(cli, options.candidate) };
      const request: EvaluationRequest = {
        from,
        to,
        protocol,
        port: port ?? echoRequest[protocol] ?? 0,
        ...(asked && { request: asked }),
        ...candidate,
      };
      const evaluation =
        options.objects === undefined
          ? await cli.client(command).evaluate(request)
          : await offline(options.objects, request, options);
      await cli.show(options.output, evaluation, (value) => evaluationText(value, cli.paint));
    });
};

function requestOf(options: Options, protocol: Protocol): RequestQuestion | null {
  const { http, header, dns, sni } = options;
  if (header && !http) throw new CliError(ExitCode.usage, "--header needs --http");
  const refuse = (option: string, wanted: string): never => {
    throw new CliError(ExitCode.usage, `${option}: it is not asked for over ${protocol}; ${wanted}`);
  };
  if (http) return protocol === "TCP" ? { ...http, headers: header ?? [] } : refuse("--http", "--protocol TCP");
  if (sni !== undefined)
    return protocol === "TCP" ? { family: "tls", serverName: sni } : refuse("--sni", "--protocol TCP");
  if (dns === undefined) return null;
  return isOneOf(protocol, ["TCP", "UDP"]) ? { family: "dns", name: dns } : refuse("--dns", "--protocol UDP or TCP");
}

function isOneOf(protocol: Protocol, some: readonly Protocol[]): boolean {
  return some.includes(protocol);
}

/** What is meant when nobody says which ICMP type. */
const echoRequest: Partial<Record<string, number>> = { ICMP: 8, ICMPv6: 128 };

async function offline(folder: string, request: EvaluationRequest, options: Options): Promise<Evaluation> {
  const { evaluateOffline } = await import("#agent/local/evaluate.ts");
  const { DEFAULT_HOST_FAILSAFE } = await import("#policy/model/failsafe.ts");
  const { enforcement = "default", cidrMatchesPods = "language" } = options;
  const outcome = await evaluateOffline(folder, request, {
    enforcement,
    cidrMatchesPods: cidrMatchesPods === "language" ? cidrMatchesPods : cidrMatchesPods === "true",
    at: Date.now(),
    hostFailsafe: DEFAULT_HOST_FAILSAFE,
  });
  if (outcome.ok) return outcome.evaluation;
  throw new CliError(outcome.reason === "not-found" ? ExitCode.notFound : ExitCode.usage, outcome.message);
}

/** A file, or all object files of a folder, each named by its path. */
async function readCandidate(cli: Cli, path: string): Promise<PolicyDocument | PolicyDocument[]> {
  const { isFolder, readObjectTexts } = await import("#agent/local/object-texts.ts");
  return (await isFolder(path)) ? readObjectTexts(path, (name) => join(path, name)) : readDocument(cli, path);
}

function evaluationText(evaluation: Evaluation, paint: Paint): string {
  const lines = [`verdict  ${verdictText(evaluation.verdict, paint)}`.trimEnd()];
  for (const direction of ["egress", "ingress"] as const) {
    const { verdict, staged } = evaluation[direction];
    const reasons = reasonTexts(evaluation[direction]);
    if (staged && staged.verdict !== verdict)
      reasons.push(`staged: ${staged.verdict}: ${reasonTexts(staged).join(", ")}`);
    const [first = "", ...rest] = reasons.map(printable);
    lines.push(`${direction.padEnd(7)}  ${verdictText(verdict, paint)}  ${first}`);
    for (const reason of rest) lines.push(`${" ".repeat(18)}${reason}`);
  }
  return `${lines.join("\n")}\n`;
}

function reasonTexts(decision: Decision): string[] {
  const { verdict, by, nearest, terms, note } = decision;
  const reasons = by.map((rule, i) => `${ruleText(rule)}${termsText(terms?.[i] ?? {})}`);
  if (by.length === 0) reasons.push(verdict === "deny" ? isolationText(decision) : "no policy applies");
  if (nearest) reasons.push(nearestText(nearest));
  if (note !== undefined) reasons.push(note);
  if (verdict === "redirect") reasons.push("its requests are looked at: --http, --dns and --sni ask for one");
  return reasons;
}

function verdictText(verdict: Evaluation["verdict"], paint: Paint): string {
  return paint(verdict === "deny" ? "red" : "green", verdict.padEnd(7));
}

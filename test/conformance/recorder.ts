/**
 * A plugin that writes down what it is told, for tests of those who call it: `FOLDER/NUMBER-COMMAND.json` with its
 * environment and configuration. As an IPAM plugin it gives 10.88.0.N; later in a list it passes the result on.
 * Where `FOLDER/fail-COMMAND` exists, it fails with code 111 and that file's text.
 *
 *   node recorder.ts FOLDER
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface Config {
  readonly cniVersion: string;
  readonly prevResult?: object;
  readonly ipam?: object;
}

const folder = process.argv[2] ?? "";
const command = process.env["CNI_COMMAND"] ?? "";
const config = JSON.parse(readFileSync(0, "utf8")) as Config;
const variables = Object.fromEntries(Object.entries(process.env).filter(([name]) => name.startsWith("CNI_")));
const number = readdirSync(folder).filter((name) => name.endsWith(".json")).length;
const name = `${String(number).padStart(3, "0")}-${command}.json`;
writeFileSync(join(folder, name), JSON.stringify({ command, variables, config }));
process.stderr.write(`recorder: ${command}\n`);

const failure = join(folder, `fail-${command}`);
const before1 = config.cniVersion.startsWith("0.");
const given = {
  cniVersion: config.cniVersion,
  ips: [{ ...(before1 && { version: "4" }), address: `10.88.0.${number + 2}/24`, gateway: "10.88.0.1" }],
  routes: [{ dst: "0.0.0.0/0", gw: "10.88.0.1" }],
};
if (existsSync(failure)) {
  const error = { cniVersion: config.cniVersion, code: 111, msg: readFileSync(failure, "utf8") };
  process.stdout.write(JSON.stringify(error));
  process.exitCode = 1;
} else if (command === "ADD") {
  process.stdout.write(JSON.stringify(config.prevResult ?? given));
} else if (command === "VERSION") {
  process.stdout.write(JSON.stringify({ cniVersion: config.cniVersion, supportedVersions: ["1.0.0", "1.1.0"] }));
}

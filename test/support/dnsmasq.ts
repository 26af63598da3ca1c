import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "#agent/local/lab.ts";
import { LabProgram, type Place } from "./lab-program.ts";

export interface DnsmasqOptions {
  readonly lab: Lab;
  readonly place: Place;
  readonly name: string;
  /** Lines of its configuration: `host-record=web.example.com,192.0.2.2,2001:db8::2`. */
  readonly lines: readonly string[];
}

/** Debian's dnsmasq on port 53 of all addresses of its namespace; it knows the names of its configuration and asks nobody. */
export async function startDnsmasq({ lab, place, name, lines }: DnsmasqOptions): Promise<LabProgram> {
  const file = join(lab.folder, `${name}.conf`);
  writeFileSync(
    file,
    ["no-resolv", "no-hosts", "no-daemon", "pid-file=", "user=root", "local=/#/", ...lines, ""].join("\n"),
  );
  return LabProgram.start({ lab, place, name, command: ["dnsmasq", "-C", file], ports: [53] });
}

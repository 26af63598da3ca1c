import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Lab } from "#agent/local/lab.ts";
import { LabProgram, type Place } from "./lab-program.ts";

export interface NginxOptions {
  readonly lab: Lab;
  readonly place: Place;
  readonly name: string;
  readonly ports: readonly number[];
  /** Lines of every server's section; what is asked for is answered with who asks, unless told. */
  readonly server?: string;
  /** How many connections one worker takes. */
  readonly connections?: number;
}

const whoAsks =
  'location / { default_type text/plain; return 200 "$request_method $request_uri from $remote_addr\\n"; }';

/** Debian's nginx with one worker, on all addresses of its namespace. */
export async function startNginx({
  lab,
  place,
  name,
  ports,
  server = whoAsks,
  connections = 1024,
}: NginxOptions): Promise<LabProgram> {
  const folder = join(lab.folder, name);
  mkdirSync(folder);
  const file = join(folder, "nginx.conf");
  const listen = (port: number): string => `listen ${port}; listen [::]:${port};`;
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  writeFileSync(
    file,
    `daemon off; worker_processes 1; worker_rlimit_nofile ${connections + 64}; user root; pid ${folder}/pid;
events { worker_connections ${connections}; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s;
  ${temporary.map((what) => `${what}_temp_path ${folder}/${what};`).join(" ")}
  server { ${ports.map(listen).join(" ")} ${server} }
}
`,
  );
  return LabProgram.start({ lab, place, name, ports, command: ["nginx", "-e", "stderr", "-c", file] });
}

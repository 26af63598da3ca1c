import { expect, test } from "vitest";
import { ApiFixture } from "#test/agent/api/api-fixture.ts";
import { event, flow } from "#test/agent/api/fake-views.ts";
import { weir } from "./cli-fixture.ts";

const endpoint =
  '{"id":12,"containerId":"3f01","ifName":"eth0","hostInterface":"weir3fa1","namespace":"shop","pod":"web-1","labels":{"app":"web"},' +
  '"identity":20481,"ipv4":"10.0.0.7","ipv6":null,"state":"ready","policy":{"ingress":true,"egress":false},"revision":41,"bandwidth":{"egress":100000000,"ingress":null}}';
const identity = '{"id":20481,"labels":{"app":"web","io.kubernetes.pod.namespace":"shop"},"scope":"cluster"}';
const logLevel = '{"name":"log-level","value":"info","origin":"default","live":false,"start":null}';
const enforcement =
  '{"name":"enforcement","value":"always","origin":"live","live":true,"start":{"value":"default","origin":"default"}}';
const policy =
  '"kind":"NetworkPolicy","namespace":"shop","name":"web","file":"web.yaml","line":1,"origin":"objects","revision":40';

const entry =
  '{"slot":7,"endpoints":[12],"direction":"ingress","peer":20482,"protocol":6,"port":80,"portBits":16,"verdict":"allow","precedence":3,"isPlain":false,"failsOpen":false,"limit":0,"notAfter":null,"below":null,"rule":5}';
const connection =
  '{"protocol":"TCP","source":"10.0.0.7","sourcePort":40000,"destination":"fd00::8","destinationPort":80,"expiresIn":7999.5,"generation":41,' +
  '"seenReply":true,"closing":false,"state":"cut","from":{"packets":3,"bytes":180,"verdict":"allow","rules":[]},"to":{"packets":2,"bytes":120,"verdict":"allow","rules":[5]}}';

/** Each reading command's line of JSON, to the byte. */
const cases: readonly (readonly [string, string])[] = [
  [
    "status",
    '{"state":"ok","node":"n1","revision":41,"policy":{"enforcement":"default","cidrMatchesPods":"language","audit":false},"store":{"kind":"embedded","state":"ok"},"datapath":{"attach":"tcx","programs":"6b1f","devices":["eth0"],"resets":0,"captures":0},' +
      '"flows":{"kept":812,"capacity":65536,"seen":70000,"lost":3},' +
      '"masquerade":{"enabled":true,"devices":[{"name":"eth0","ipv4":"192.0.2.1","ipv6":null}],"allocated":12,"retries":1,"exhausted":0},' +
      '"proxy":{"state":"ok","pid":4711,"build":"6b1f6b1f6b1f6b1f","version":12,"wanted":12,"workers":2,"connections":31,"lostRecords":0,"draining":1,"bypassed":0,"refused":0,"late":0,"unrecognised":3,"unreachable":1},' +
      '"names":{"names":40,"addresses":52,"kept":3,"admitted":61,"refused":0},' +
      '"cni":{"state":"installed","binary":"/opt/cni/bin/weir-cni","conflist":"/etc/cni/net.d/05-weir.conflist","plugins":["weir-cni","portmap"],"cniVersions":["0.3.1","1.0.0"],"setAside":[],"events":[]},' +
      '"ipam":{"mode":"host","ranges":[{"pool":"default","cidr":"10.0.0.0/24","used":12,"cooling":1,"kept":0,"capacity":253}]},' +
      '"maps":[{"name":"conntrack4","entries":812,"capacity":524288}],"endpoints":{"ready":1},"problems":[]}',
  ],
  [
    "metrics",
    '[{"name":"weir_policy_revision","type":"gauge","labels":{},"value":41},{"name":"weir_endpoints","type":"gauge","labels":{"state":"ready"},"value":1}]',
  ],
  ["metrics revision nothing", '[{"name":"weir_policy_revision","type":"gauge","labels":{},"value":41}]'],
  ["config get", `[${logLevel},${enforcement}]`],
  ["config get enforcement", enforcement],
  ["config set enforcement always", `{"revision":42,"options":[${enforcement}]}`],
  ["config unset enforcement", `{"revision":42,"options":[${enforcement}]}`],
  ["endpoint list", `[${endpoint}]`],
  ["endpoint get 12", endpoint],
  ["endpoint regenerate 12", endpoint],
  ["endpoint log 12", '[{"time":"2026-01-31T12:00:00.000000000Z","event":"ready","message":"policy is in force"}]'],
  [
    "endpoint labels 12",
    '{"id":12,"labels":{"app":"web"},"identity":20481,"identityLabels":{"app":"web","io.kubernetes.pod.namespace":"shop"}}',
  ],
  ["identity list", `[${identity},{"id":2,"labels":{"reserved:world":""},"scope":"reserved"}]`],
  ["identity get 20481", identity],
  ["identity get app=web", identity],
  ["identity get reserved:world", '{"id":2,"labels":{"reserved:world":""},"scope":"reserved"}'],
  ["policy list", `[{${policy}}]`],
  ["policy list --kind Pod", "[]"],
  ["ui", '{"url":"http://127.0.0.1:9966/#token=x","expires":"2026-01-31T12:00:00.000Z"}'],
  [
    "policy staged",
    '[{"kind":"CiliumNetworkPolicy","namespace":"shop","name":"x","rule":"ingressDeny[0]","file":"x.yaml","line":3,"denied":7,"allowed":0,' +
      '"redirected":0,"last":"2026-01-31T12:00:00.123456789Z"},{"kind":"CiliumNetworkPolicy","namespace":"shop","name":"y","rule":null,' +
      '"file":"y.yaml","line":3,"denied":0,"allowed":0,"redirected":0,"last":null}]',
  ],
  [
    "policy get NetworkPolicy/shop/web",
    `{${policy},"manifest":{"kind":"NetworkPolicy","metadata":{"name":"web","namespace":"shop"}}}`,
  ],
  ["policy delete NetworkPolicy/shop/web", '{"revision":43,"objects":["NetworkPolicy/shop/web"]}'],
  ["policy wait 41", '{"revision":41}'],
  ["policy wait", '{"revision":41}'],
  [
    "policy eval --from shop/web-1 --to shop/db-0 --port 5432",
    '{"verdict":"deny","egress":{"verdict":"allow","by":[{"kind":"NetworkPolicy","namespace":"shop","name":"web","rule":"egress[0]",' +
      '"file":"web.yaml","line":14}],"nearest":null,"staged":null},"ingress":{"verdict":"deny","by":[],"nearest":{"kind":"NetworkPolicy",' +
      '"namespace":"shop","name":"db","rule":"ingress[0]","file":"db.yaml","line":9,"because":"port 5432 is not 5433"},' +
      '"isolatedBy":[{"kind":"NetworkPolicy","namespace":"shop","name":"db","file":"db.yaml","line":3}],"staged":null}}',
  ],
  [
    "trace --from shop/web-1 --to shop/db-0:5432",
    '{"verdict":"deny","outcome":"dropped by pod_egress at weir3fa1: no rule allows it","dropReason":"POLICY_DENIED",' +
      '"egress":{"verdict":"allow","by":[{"kind":"NetworkPolicy","namespace":"shop","name":"web","rule":"egress[0]","file":"web.yaml","line":14}],"nearest":null},' +
      '"ingress":{"verdict":"deny","by":[],"nearest":{"kind":"NetworkPolicy","namespace":"shop","name":"db","rule":"ingress[0]","file":"db.yaml","line":9,"because":"port 5432 is not 5433"},"isolatedBy":[{"kind":"NetworkPolicy","namespace":"shop","name":"db","file":"db.yaml","line":3}]},' +
      '"generation":41,"packet":{"source":"10.0.0.7","sourcePort":40000,"destination":"10.0.0.8","destinationPort":5432,"protocol":"TCP","flags":["SYN"],"frame":"0600"},' +
      '"steps":[{"program":{"name":"pod_egress","id":77,"tag":"0123456789abcdef","returned":2},"interface":"weir3fa1","ifindex":7,"outcome":"drop","stages":[' +
      '{"stage":"egress-policy","says":"allow by slot 3","entries":[{"map":"policy","key":{"slot":3,"peer":20482},"value":{"verdict":"allow","rule":9}},{"map":"policy","key":{"slot":3,"peer":0},"value":null}],' +
      '"rules":[{"kind":"NetworkPolicy","namespace":"shop","name":"web","rule":"egress[0]","file":"web.yaml","line":14}]},{"stage":"next","says":"ends here","entries":[]}],"flows":[]}],"differences":[]}',
  ],
  ["bpf policy list", `[${entry}]`],
  ["bpf policy get 12 --direction ingress --peer 20482 --protocol tcp --port 80", `[${entry}]`],
  ["bpf ct list", `[${connection}]`],
  ["bpf ct list --endpoint 12 --protocol tcp --source 10.0.0.7:40000 --destination [fd00::8]:80", `[${connection}]`],
  ["bpf ct get TCP 10.0.0.7:40000 [fd00::8]:80", connection],
  ["bpf ct flush --endpoint 12", '{"entries":3}'],
  ["bpf nat flush", '{"entries":2}'],
  [
    "bpf nat list",
    '[{"protocol":"UDP","source":"10.0.0.7","sourcePort":40000,"translated":"192.0.2.1","translatedPort":40000,' +
      '"destination":"198.51.100.53","destinationPort":53,"expiresIn":59.5,"state":"open"}]',
  ],
  ["bpf ipcache get 10.0.0.7", '{"prefix":"10.0.0.7/32","identity":20481,"addressClass":0}'],
  ["bpf ipcache list", '[{"prefix":"10.0.0.7/32","identity":20481,"addressClass":0}]'],
  [
    "bpf counters list",
    '[{"reason":"FORWARDED","reasonCode":0,"direction":"egress","hook":"pod-egress","file":null,"line":null,"packets":10,"bytes":840}]',
  ],
  [
    "bpf counters get forwarded",
    '[{"reason":"FORWARDED","reasonCode":0,"direction":"egress","hook":"pod-egress","file":null,"line":null,"packets":10,"bytes":840}]',
  ],
  [
    "bpf links list",
    '[{"interface":"weir3fa1","hook":"ingress","attach":"tcx","program":"pod_egress","programId":41,"tag":"6b1f0123456789ab"}]',
  ],
  [
    "bpf links get weir3fa1",
    '[{"interface":"weir3fa1","hook":"ingress","attach":"tcx","program":"pod_egress","programId":41,"tag":"6b1f0123456789ab"}]',
  ],
  ["bpf endpoints list", "[]"],
  [
    "bpf bandwidth list",
    '[{"endpoint":12,"direction":"egress","rate":100000000,"burst":200,"droppedPackets":3,"droppedBytes":4500}]',
  ],
  [
    "bpf bandwidth get 12",
    '[{"endpoint":12,"direction":"egress","rate":100000000,"burst":200,"droppedPackets":3,"droppedBytes":4500}]',
  ],
  [
    "ip list",
    '[{"prefix":"10.0.0.7/32","identity":20481,"labels":{"app":"web"},"addressClass":0,"source":"endpoint","endpoint":12,"pod":"shop/web-1","node":null,"names":[]}]',
  ],
  [
    "fqdn cache list",
    '[{"name":"example.com","address":"192.0.2.80","expires":"2026-01-31T12:00:00.000000000Z","source":"lookup","endpoints":[12]}]',
  ],
  [
    "node list",
    '[{"name":"n1","own":true,"addresses":["192.0.2.1"],"podCidrs":["10.0.0.0/24"],"labels":{"zone":"a"},"file":"nodes.yaml","line":1}]',
  ],
  [
    "why-unknown 10.0.0.7",
    '{"address":"10.0.0.7","known":true,"kernel":{"prefix":"10.0.0.7/32","identity":20481,"addressClass":0},' +
      '"agent":{"prefix":"10.0.0.7/32","identity":20481},"agree":true,"identity":20481,"labels":{"app":"web"},"source":"endpoint",' +
      '"because":"it is an address of the pod shop/web-1, endpoint 12 of this node","names":[],"rules":[{"kind":"NetworkPolicy","namespace":"shop","name":"db",' +
      '"rule":"ingress[0]","file":"db.yaml","line":9,"cidr":"10.0.0.0/8"}],"revision":41,"store":{"kind":"embedded","key":"identities/id/20481","revision":"7"},' +
      '"hops":[{"time":"2026-01-31T12:00:00.000000000Z","stage":"ipcache","what":"the kernel learned 10.0.0.7/32"}],"remedies":[]}',
  ],
  ["observe", JSON.stringify(flow)],
  ["monitor --kept", JSON.stringify(event)],
];

test.each(cases)("weir %s -o json", async (command, expected) => {
  await using api = await ApiFixture.start();
  const { exitCode, stdout } = await weir(api.runDir, ...command.split(" "), "-o", "json");
  expect(stdout).toBe(`${expected}\n`);
  expect(exitCode).toBe(0);
});

test("YAML says the same as JSON", async () => {
  const { parse } = await import("yaml");
  await using api = await ApiFixture.start();
  for (const command of ["status", "endpoint list", "identity list"]) {
    const { stdout } = await weir(api.runDir, ...command.split(" "), "-o", "yaml");
    const { stdout: json } = await weir(api.runDir, ...command.split(" "), "-o", "json");
    expect(parse(stdout)).toEqual(JSON.parse(json));
  }
});

import { spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { InterfaceHooks, load, type LoadSpec } from "bpf-loader";
import { queryTcx } from "libbpf-ts";
import { bpfFixture } from "#test/support/bpf-fixture.ts";
import { BpfFileSystem } from "#test/support/bpf-file-system.ts";
import { needs } from "#test/support/requirement.ts";
import { TemporaryFolder } from "#test/support/temporary-folder.ts";
import { askUdp, stepUntil, UdpEcho } from "#test/support/udp-echo.ts";
import { VethPair } from "#test/support/veth-pair.ts";

beforeEach(needs("root", "namespaces", "tcx"));

/** Loads, attaches to `here0` and stays. */
const firstLife = `
  import { join } from "node:path";
  import { InterfaceHooks, load } from "bpf-loader";
  const [specText, ifindex] = process.argv.slice(1);
  const spec = { ...JSON.parse(specText), readOnlyData: Uint8Array.of(255, 255, 255, 255) };
  const { programs } = load(spec);
  const options = { linkFolder: join(spec.pinFolder, "links"), programs, spec: { ingress: "inward", egress: "outward" }, tcx: true };
  const hooks = new InterfaceHooks(options);
  hooks.attach(Number(ifindex), "here0");
  await hooks.settle(Number(ifindex), "here0");
  process.stdout.write("attached");
  setInterval(() => undefined, 60_000);
`;

test("after kill -9 the datapath goes on, and the next life takes it over without a lost packet", async () => {
  using files = new BpfFileSystem();
  using folder = new TemporaryFolder();
  using veth = new VethPair();
  await using _echo = await UdpEcho.start(veth.here, "10.9.0.1");
  writeFileSync(folder.join("hooks.bpf.o"), bpfFixture("hooks"));
  const plain = { objectPaths: [folder.join("hooks.bpf.o")], pinFolder: files.join("weir"), mapSizes: {}, layouts: {} };
  const spec: LoadSpec = { ...plain, readOnlyData: Uint8Array.of(255, 255, 255, 255) };

  const node = [process.execPath, "--input-type=module-typescript", "--eval", firstLife];
  const args = [`--net=${veth.here.path}`, ...node, JSON.stringify(plain), String(veth.ifindex)];
  const child = spawn("nsenter", args, { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  const before = veth.in(() => queryTcx(veth.ifindex, "ingress"));
  expect(before).toHaveLength(1);

  const asking = askUdp(veth.there, "10.9.0.1", 1000);
  child.kill("SIGKILL");
  await once(child, "exit");
  using loaded = load(spec);
  expect(loaded.adopted).toBe(true);
  const { programs } = loaded;
  const hookSpec = { ingress: "inward", egress: "outward" };
  const hooks = new InterfaceHooks({ linkFolder: join(spec.pinFolder, "links"), programs, spec: hookSpec, tcx: true });
  const lost = await stepUntil(asking, () => veth.in(() => hooks.attach(veth.ifindex, "here0")));

  expect(lost).toBe(0);
  expect(veth.in(() => queryTcx(veth.ifindex, "ingress"))).toEqual(before);
  expect(veth.in(() => hooks.check(veth.ifindex, "here0"))).toEqual([]);
});

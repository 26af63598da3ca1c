import { Lab } from "#agent/local/lab.ts";
import { LabNode } from "#agent/local/lab-node.ts";
import { CniFolders, weirNetwork } from "./cni-folders.ts";
import { Containerd } from "./containerd.ts";

/** A node with a pod, for somebody to kill: writes the lab's tag when it is there, and waits. */
const lab = await Lab.create();
const node = LabNode.create(lab, { ownMounts: true });
const containerd = await Containerd.start(node, new CniFolders(node));
await containerd.useNetwork(weirNetwork(node));
await node.startAgent();
const pod = await containerd.runPod({ name: "pod" });
await pod.container("main");
process.stdout.write(`${lab.tag}\n`);
setInterval(() => undefined, 60_000);

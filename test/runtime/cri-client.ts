import { join } from "node:path";
import {
  type ClientUnaryCall,
  credentials,
  loadPackageDefinition,
  type ServiceClientConstructor,
  type ServiceError,
} from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

export interface PortMapping {
  readonly protocol: "TCP" | "UDP" | "SCTP";
  readonly containerPort: number;
  readonly hostPort: number;
}

export interface PodSandboxConfig {
  readonly metadata: { readonly name: string; readonly uid: string; readonly namespace: string };
  readonly logDirectory: string;
  readonly portMappings: readonly PortMapping[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly linux: { readonly cgroupParent: string };
}

interface ContainerConfig {
  readonly metadata: { readonly name: string };
  readonly image: { readonly image: string };
  readonly command: readonly string[];
  readonly logPath: string;
}

/** Requests and answers of the calls in `cri.proto`, as the loader gives them. */
interface Calls {
  Status: [
    { verbose?: boolean },
    { status: { conditions: { type: string; status: boolean }[] }; info: Record<string, string> },
  ];
  RunPodSandbox: [{ config: PodSandboxConfig }, { podSandboxId: string }];
  PodSandboxStatus: [
    { podSandboxId: string; verbose?: boolean },
    { status: { network: { ip: string; additionalIps: { ip: string }[] } }; info: Record<string, string> },
  ];
  StopPodSandbox: [{ podSandboxId: string }, object];
  RemovePodSandbox: [{ podSandboxId: string }, object];
  CreateContainer: [
    { podSandboxId: string; config: ContainerConfig; sandboxConfig: PodSandboxConfig },
    { containerId: string },
  ];
  StartContainer: [{ containerId: string }, object];
  ExecSync: [
    { containerId: string; cmd: readonly string[]; timeout: number },
    { stdout: Buffer; stderr: Buffer; exitCode: number },
  ];
}

type Method = (
  request: object,
  options: { deadline: number },
  done: (error: ServiceError | null, answer: unknown) => void,
) => ClientUnaryCall;

/** Calls a container runtime by CRI, as kubelet does. */
export class CriClient implements Disposable {
  readonly #client: InstanceType<ServiceClientConstructor>;

  /** @param socket path of the runtime's Unix socket. */
  constructor(socket: string) {
    const definition = loadSync(join(import.meta.dirname, "cri.proto"), {
      longs: Number,
      enums: String,
      defaults: true,
    });
    const loaded = loadPackageDefinition(definition) as unknown as {
      runtime: { v1: { RuntimeService: ServiceClientConstructor } };
    };
    this.#client = new loaded.runtime.v1.RuntimeService(`unix:${socket}`, credentials.createInsecure());
  }

  /**
   * @param within milliseconds; kubelet gives a call two minutes.
   * @throws the runtime's error, with its message.
   */
  async call<Name extends keyof Calls>(name: Name, request: Calls[Name][0], within = 120_000): Promise<Calls[Name][1]> {
    const { promise, resolve, reject } = Promise.withResolvers<Calls[Name][1]>();
    const method = this.#client[name] as unknown as Method;
    method.call(this.#client, request, { deadline: Date.now() + within }, (error, answer) => {
      if (error === null) resolve(answer as Calls[Name][1]);
      else reject(error);
    });
    return promise;
  }

  [Symbol.dispose](): void {
    this.#client.close();
  }
}

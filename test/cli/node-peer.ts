/** The daemon of a node for tests: tswarm.v1.LocalNode on a unix socket, with the state that tests set up at will. */
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, type ServerUnaryCall, type sendUnaryData, status } from "@grpc/grpc-js";
import { LocalNodeService, LocalNodeState, NodeInfoResponse } from "../../src/api/generated/tswarm/v1/node.js";
import { localSockets } from "../../src/api/local-sockets.js";
import { Refusal, selfMadeCredentials } from "./peer.js";

type Handler = (request: never) => object | Promise<object>;

export class NodePeer {
  /** What it says of itself. */
  info: Parameters<typeof NodeInfoResponse.fromPartial>[0] = { state: LocalNodeState.NODE_INACTIVE };
  readonly answers = new Map<string, Handler>();
  readonly calls: { readonly method: string; readonly request: Record<string, unknown> }[] = [];

  private constructor(
    readonly directory: string,
    /** Where a manager would listen. */
    readonly control: string,
    private readonly server: Server,
  ) {}

  /**
   * In a folder as on a real host: the manager's socket would be one level deeper.
   * @param beside the control socket of a manager that is there
   */
  static async start(beside?: string): Promise<NodePeer> {
    const directory = mkdtempSync(join(tmpdir(), "tswarm-node-"));
    mkdirSync(join(directory, "manager"));
    const { control, node } = localSockets(beside ?? join(directory, "manager", "swarmd.sock"));
    const server = new Server();
    const peer = new NodePeer(directory, control, server);
    server.addService(
      LocalNodeService as never,
      Object.fromEntries(Object.keys(LocalNodeService).map((name) => [name, peer.#handler(name)])) as never,
    );
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${node}`, selfMadeCredentials(), (error) => (error ? reject(error) : resolve()));
    });
    return peer;
  }

  stop(): void {
    this.server.forceShutdown();
    rmSync(this.directory, { recursive: true, force: true });
  }

  requests(method: string): Record<string, unknown>[] {
    return this.calls.filter((call) => call.method === method).map(({ request }) => request);
  }

  #handler(method: string) {
    return async (call: ServerUnaryCall<never, object>, answer: sendUnaryData<object>) => {
      this.calls.push({ method, request: call.request });
      const handler = method === "info" ? () => NodeInfoResponse.fromPartial(this.info) : this.answers.get(method);
      try {
        if (!handler) throw new Refusal(status.UNIMPLEMENTED, "the peer does not do this");
        answer(null, await handler(call.request));
      } catch (error) {
        if (error instanceof Refusal) answer({ code: error.code, details: error.message });
        else answer({ code: status.INTERNAL, details: String(error) });
      }
    };
  }
}

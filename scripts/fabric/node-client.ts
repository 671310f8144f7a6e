/** The daemon's own API, as tsctl asks it. */
import { callUnary, openChannel, type UnaryMethod } from "../../src/api/client-call.js";
import {
  InitClusterRequest,
  type InitClusterResponse,
  JoinRequest,
  type JoinResponse,
  LocalNodeService,
  type NodeInfoResponse,
} from "../../src/api/generated/tswarm/v1/node.js";
import { grpcTarget, trustingCredentials } from "../../src/security/transport.js";

const INFO_TIMEOUT_MS = 10_000;
const CHANGE_TIMEOUT_MS = 120_000;

export class NodeClient {
  constructor(readonly socket: string) {}

  /** @throws ServiceError */
  info(): Promise<NodeInfoResponse> {
    return this.#call(LocalNodeService.info, {}, INFO_TIMEOUT_MS);
  }

  init(request: Parameters<typeof InitClusterRequest.fromPartial>[0] = {}): Promise<InitClusterResponse> {
    return this.#call(LocalNodeService.init, InitClusterRequest.fromPartial(request), CHANGE_TIMEOUT_MS);
  }

  join(request: Parameters<typeof JoinRequest.fromPartial>[0]): Promise<JoinResponse> {
    return this.#call(LocalNodeService.join, JoinRequest.fromPartial(request), CHANGE_TIMEOUT_MS);
  }

  async leave(force = false): Promise<void> {
    await this.#call(LocalNodeService.leave, { force }, CHANGE_TIMEOUT_MS);
  }

  async #call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    timeoutMs: number,
  ): Promise<Response> {
    const client = openChannel(grpcTarget(this.socket), trustingCredentials(), true);
    try {
      return await callUnary(client, method, request, { timeoutMs });
    } finally {
      client.close();
    }
  }
}

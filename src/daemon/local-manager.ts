/** The manager on this host, as the daemon asks it: over its control socket. */
import { type Client, type ServiceError, status } from "@grpc/grpc-js";
import { callUnary, openChannel, type UnaryMethod } from "../api/client-call.js";
import { CAService } from "../api/generated/docker/swarmkit/v1/ca.js";
import { ControlService } from "../api/generated/docker/swarmkit/v1/control.js";
import type { Cluster } from "../api/generated/docker/swarmkit/v1/objects.js";
import { LocalManagerService, type ManagerStatusResponse } from "../api/generated/tswarm/v1/manager.js";
import { formatUnlockKey } from "../security/at-rest/unlock-key.js";
import { grpcTarget, trustingCredentials } from "../security/transport.js";

const LOOK_TIMEOUT_MS = 1000;
const CALL_TIMEOUT_MS = 10_000;

export class LocalManager {
  constructor(readonly socket: string) {}

  /** @returns undefined while none answers */
  async status(timeoutMs = LOOK_TIMEOUT_MS): Promise<ManagerStatusResponse | undefined> {
    try {
      return await this.#call(LocalManagerService.status, {}, timeoutMs);
    } catch (error) {
      if (typeof (error as Partial<ServiceError>).code === "number") return undefined;
      throw error;
    }
  }

  /** The cluster with its tokens. @throws ServiceError */
  async cluster(): Promise<Cluster> {
    const { clusters } = await this.#call(ControlService.listClusters, { filters: undefined }, CALL_TIMEOUT_MS);
    const [cluster] = clusters;
    if (!cluster) throw new Error("the manager knows no cluster yet");
    return cluster;
  }

  /** As people write it; "" where none is needed. @throws ServiceError */
  async unlockKey(): Promise<string> {
    const { unlockKey } = await this.#call(CAService.getUnlockKey, {}, CALL_TIMEOUT_MS);
    return unlockKey.length === 0 ? "" : formatUnlockKey(unlockKey);
  }

  /** Takes it out of the cluster's managers. @throws ServiceError with why it stays one */
  async leaveManagers(force: boolean, timeoutMs: number): Promise<void> {
    await this.#call(LocalManagerService.leaveManagers, { force }, timeoutMs);
  }

  async #call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    timeoutMs: number,
  ): Promise<Response> {
    const client: Client = openChannel(grpcTarget(this.socket), trustingCredentials(), true);
    try {
      return await callUnary(client, method, request, { timeoutMs });
    } finally {
      client.close();
    }
  }
}

/** Nobody answered, or did not in time: the call may not have been heard. */
export function isAway(error: unknown): boolean {
  const { code } = error as Partial<ServiceError>;
  return code === status.UNAVAILABLE || code === status.DEADLINE_EXCEEDED;
}

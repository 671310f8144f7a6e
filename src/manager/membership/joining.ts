/** Asks the managers of a cluster to take this one in. */
import { Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { callUnary, openChannel } from "../../api/client-call.js";
import { type JoinResponse, RaftMembershipService } from "../../api/generated/docker/swarmkit/v1/raft.js";
import type { TlsIdentity } from "../../security/tls/tls-identity.js";
import { grpcTarget } from "../../security/transport.js";
import { ManagerStartError } from "../manager-error.js";
import { withEmptyLog } from "./membership-service.js";

export interface JoinRequestOptions {
  /** Of this manager. */
  readonly identity: TlsIdentity;
  /** Where this manager says it can be reached, "10.0.0.2:4242". */
  readonly address: string;
  /** Any of the cluster's managers, "HOST:PORT". */
  readonly managers: readonly string[];
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
}

/** A joiner is probed, and waits for the membership change to be committed. */
const CALL_TIMEOUT_MS = 15_000;
/** So long nobody may answer, or lead. */
const PATIENCE_MS = 30_000;
const PAUSE_MS = 500;
const PASSING: ReadonlySet<status> = new Set([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.ABORTED,
  status.RESOURCE_EXHAUSTED,
]);

/** One after the other, and again while what is in the way may pass. @throws ManagerStartError */
export async function askToJoin(options: JoinRequestOptions): Promise<JoinResponse> {
  const { managers, signal, log } = options;
  const giveUpAt = Date.now() + PATIENCE_MS;
  for (let round = 0; ; round++) {
    const reasons: string[] = [];
    for (const manager of managers) {
      if (signal.aborted) throw new ManagerStartError("the manager is stopping");
      try {
        return await ask(manager, options);
      } catch (error) {
        const { code, details } = error as ServiceError;
        if (!PASSING.has(code)) throw new ManagerStartError(`${manager} does not take this manager in: ${details}`);
        reasons.push(`${manager}: ${details}`);
      }
    }
    if (round === 0) log(`no manager takes this one in yet (${reasons.join("; ")}): asking on`);
    if (Date.now() > giveUpAt) {
      throw new ManagerStartError(`no manager of the cluster takes this one in: ${reasons.join("; ")}`);
    }
    await pause(signal);
  }
}

async function ask(manager: string, { identity, address }: JoinRequestOptions): Promise<JoinResponse> {
  const client = openChannel(grpcTarget(manager), identity.channelCredentials(), true);
  try {
    return await callUnary(
      client,
      RaftMembershipService.join,
      { addr: address },
      { timeoutMs: CALL_TIMEOUT_MS, metadata: withEmptyLog(new Metadata()) },
    );
  } finally {
    client.close();
  }
}

function pause(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, PAUSE_MS);
    signal.addEventListener("abort", finish);
  });
}

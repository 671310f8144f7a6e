/** How a manager takes itself out of the cluster's managers. */
import { Metadata, type ServiceError } from "@grpc/grpc-js";
import { callUnary } from "../../api/client-call.js";
import { RaftMembershipService } from "../../api/generated/docker/swarmkit/v1/raft.js";
import type { ProxyTarget } from "../../api/proxy/call-proxy.js";
import { failedPrecondition, StatusError, unavailable } from "../../api/status-error.js";
import type { Raft } from "../../raft/node/raft.js";
import { writing } from "../write-error.js";
import { withForce } from "./membership-service.js";
import { checkRemovable, losesQuorum } from "./removable.js";

const CALL_TIMEOUT_MS = 15_000;
const REMOVAL_TIMEOUT_MS = 30_000;

export interface LeavingOptions {
  readonly raft: Raft<unknown>;
  /** Who leads, when it is another. Where nobody does, an election may be under way: it is waited for. */
  readonly leader: () => Promise<ProxyTarget | undefined>;
  readonly noLeaderText: () => string;
  readonly isForced: boolean;
}

/** Resolves once this manager is no member any more. @throws StatusError */
export async function leaveManagers(options: LeavingOptions): Promise<void> {
  const { raft, isForced } = options;
  if (raft.members().every(({ raftId }) => raftId === raft.id)) {
    throw failedPrecondition(
      "this is the only manager: there is nobody to leave the cluster to. To end the cluster stop the daemon and empty its state folder",
    );
  }
  if (raft.leadership.role === "leader") {
    // Refused where it would only stand in the others' way.
    if (!isForced) await checkRemovable(raft, raft.id);
    await writing(() => raft.transferLeadership());
  }
  const removed = removal(raft);
  try {
    await ask(options);
    await removed.done;
  } finally {
    removed.cancel();
  }
}

async function ask({ raft, leader, noLeaderText, isForced }: LeavingOptions): Promise<void> {
  const target = await leader();
  if (!target) {
    const votes = raft.status().members.some(({ isSelf, isVoter }) => isSelf && isVoter);
    throw votes && !isForced ? losesQuorum(raft) : unavailable(noLeaderText());
  }
  const metadata = new Metadata();
  const node = { raftId: raft.id, nodeId: "", addr: "", status: undefined };
  const settings = { timeoutMs: CALL_TIMEOUT_MS, metadata: isForced ? withForce(metadata) : metadata };
  try {
    await callUnary(target.client, RaftMembershipService.leave, { node }, settings);
  } catch (error) {
    const { code, details } = error as ServiceError;
    throw new StatusError(code, details);
  }
}

function removal(raft: Raft<unknown>) {
  let cancel = () => {};
  const done = new Promise<void>((resolve, reject) => {
    const end = raft.onRemoved(resolve);
    const timer = setTimeout(
      () => reject(unavailable("the leader has not taken this manager out yet: it goes on trying")),
      REMOVAL_TIMEOUT_MS,
    );
    cancel = () => {
      clearTimeout(timer);
      end();
    };
  });
  // Also when the question itself has failed.
  done.catch(() => undefined);
  return { done, cancel };
}

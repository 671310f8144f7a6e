/** What an operator asks of this very manager, on its own host. Answered also while it is locked. */
import {
  type LeaveManagersRequest,
  LocalManagerService,
  type TransferLeadershipRequest,
  type UnlockManagerRequest,
} from "../../api/generated/tswarm/v1/manager.js";
import { partialService } from "../../api/partial-service.js";
import { unary } from "../../api/server-call.js";
import { failedPrecondition, invalidArgument, notFound } from "../../api/status-error.js";
import { durationOf } from "../../api/time.js";
import type { Raft } from "../../raft/node/raft.js";
import { KEK_BYTES, parseUnlockKey, UnlockKeyError } from "../../security/at-rest/unlock-key.js";
import { writing } from "../write-error.js";
import { managerStatus } from "./manager-status.js";
import { type Phase, refusalOf } from "./phase.js";

export interface LocalManagerHost {
  readonly nodeId: string;
  readonly phase: Phase;
  readonly autolock: boolean;
  /** While the manager runs. */
  readonly raft: Raft<unknown> | undefined;
  /** Opens the log. @throws StatusError (PERMISSION_DENIED) for a wrong key */
  unlock(kek: Uint8Array): Promise<void>;
  /** Takes this manager out of the cluster's managers; resolves once that is so. @throws StatusError */
  leave(isForced: boolean): Promise<void>;
}

/** The gRPC service. */
export function localManagerService(host: LocalManagerHost, log: (line: string) => void) {
  const running = (): Raft<unknown> => {
    const { raft } = host;
    if (host.phase === "running" && raft) return raft;
    throw refusalOf(host.phase) ?? refusalOf("starting")!;
  };
  return partialService(
    LocalManagerService,
    {
      status: unary(() => managerStatus(host.nodeId, host.phase, host.autolock, host.raft?.status()), log),
      unlock: unary(async ({ unlockKey }: UnlockManagerRequest) => {
        const kek = readKey(unlockKey);
        if (host.phase !== "locked") throw failedPrecondition("this manager is not locked");
        await host.unlock(kek);
        return {};
      }, log),
      takeSnapshot: unary(async () => {
        const raft = running();
        const { index, bytes, tookMs } = await writing(() => raft.takeSnapshot());
        return { index, bytes, took: durationOf(tookMs) };
      }, log),
      transferLeadership: unary((request: TransferLeadershipRequest) => transfer(running(), request), log),
      leaveManagers: unary(async ({ force }: LeaveManagersRequest) => {
        running();
        await host.leave(force);
        return {};
      }, log),
    },
    log,
  );
}

/** Never shows what it was given. */
function readKey(text: string): Buffer {
  try {
    const kek = parseUnlockKey(text.trim());
    if (kek.length === KEK_BYTES) return kek;
  } catch (error) {
    if (!(error instanceof UnlockKeyError)) throw error;
    throw invalidArgument(error.message);
  }
  throw invalidArgument("invalid key string: the unlock key has another length");
}

async function transfer(raft: Raft<unknown>, { nodeId }: TransferLeadershipRequest) {
  const members = raft.members();
  const { leader, role } = raft.leadership;
  const nodeOf = (id: string) => members.find(({ raftId }) => raftId === id)?.nodeId ?? "";
  if (role !== "leader") {
    const where = nodeOf(leader) ? `manager ${nodeOf(leader)} does` : "nobody does";
    throw failedPrecondition(`this manager does not lead, ${where}: leadership is handed over where it is`);
  }
  const target = nodeId === "" ? undefined : members.find((member) => member.nodeId === nodeId);
  if (nodeId !== "" && !target) throw notFound(`node ${nodeId} is no manager`);
  if (target?.raftId === raft.id) return { leaderNodeId: nodeId };
  const now = await writing(() => raft.transferLeadership(target?.raftId));
  return { leaderNodeId: nodeOf(now) };
}

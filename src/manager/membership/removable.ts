import { failedPrecondition, type StatusError } from "../../api/status-error.js";
import type { MemberId } from "../../raft/core/member-id.js";
import type { Raft } from "../../raft/node/raft.js";
import { losesQuorumText } from "./leave-text.js";

/** Only on the leader. @throws StatusError (FAILED_PRECONDITION) while the others that can be reached would be no quorum without the member */
export async function checkRemovable(
  raft: Pick<Raft<unknown>, "untilRemovable" | "status">,
  id: MemberId,
): Promise<void> {
  if (await raft.untilRemovable(id)) return;
  throw losesQuorum(raft);
}

/** Why a voter does not leave, as far as this member hears of the others. */
export function losesQuorum(raft: Pick<Raft<unknown>, "status">): StatusError {
  return failedPrecondition(losesQuorumText(raft.status().members.filter(({ isVoter }) => isVoter)));
}

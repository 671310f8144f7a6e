import { failedPrecondition } from "../../api/status-error.js";
import type { MemberId } from "../../raft/core/member-id.js";
import type { Raft } from "../../raft/node/raft.js";
import { losesQuorum } from "./leave-text.js";

/** Only on the leader. @throws StatusError (FAILED_PRECONDITION) while the others that can be reached would be no quorum without the member */
export async function checkRemovable(
  raft: Pick<Raft<unknown>, "untilRemovable" | "status">,
  id: MemberId,
): Promise<void> {
  if (await raft.untilRemovable(id)) return;
  throw failedPrecondition(losesQuorum(raft.status().members.filter(({ isVoter }) => isVoter)));
}

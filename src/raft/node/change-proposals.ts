/** Puts a membership change into the log, once no other is on its way through it. */
import type { ConfChange } from "../../api/generated/raftpb/raft.js";
import type { RaftMachine } from "../core/machine.js";
import { refusal, timedOut } from "./errors.js";
import type { Proposals } from "./proposals.js";
import type { Writer } from "./writer.js";

const MAX_ATTEMPTS = 10;

export interface ChangeProposalOptions<Local> {
  readonly core: RaftMachine;
  readonly proposals: Proposals<Local>;
  readonly writer: Writer;
  /** @throws RaftError */
  assertLeading(): void;
  wake(): void;
  /** Resolves when this entry is applied here, or rejects when that takes an election's time. */
  applied(index: number): Promise<void>;
}

/** Resolves when it is applied and durable. @throws RaftError */
export async function proposeChange<Local>(change: ConfChange, options: ChangeProposalOptions<Local>): Promise<void> {
  const { core, proposals, writer } = options;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    options.assertLeading();
    const result = core.proposeMembershipChange({ kind: "v1", change });
    if (result.accepted) {
      options.wake();
      await proposals.add(result.index, result.term, undefined);
      return writer.sync();
    }
    if (result.reason !== "membership-change-pending") throw refusal(result.reason);
    await options.applied(core.lastIndex);
  }
  throw timedOut("another membership change");
}

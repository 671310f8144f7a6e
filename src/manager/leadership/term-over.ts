import { RaftError } from "../../raft/node/raft.js";

/** The write failed because this manager leads no more, or ends: nobody's fault, and somebody else's work from now on. */
export function isTermOver(error: unknown): boolean {
  return (
    error instanceof RaftError &&
    (error.code === "not-leader" ||
      error.code === "outcome-unknown" ||
      error.code === "stopped" ||
      error.code === "removed")
  );
}

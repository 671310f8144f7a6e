/** Why a manager cannot start: one line for people. */
export class ManagerStartError extends Error {
  override readonly name = "ManagerStartError";
}

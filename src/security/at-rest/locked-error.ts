/** Why what is on the disk cannot be opened. */
export type LockReason =
  /** The keys are sealed with an unlock key, and none was given. */
  | "unlock-key-needed"
  | "unlock-key-wrong"
  /** Something is sealed with a data key that the key file does not hold. */
  | "data-key-unknown";

/** What is on the disk is sealed with a key that is not known. Names no key material. */
export class LogLockedError extends Error {
  override readonly name = "LogLockedError";
  constructor(
    message: string,
    readonly reason: LockReason = "data-key-unknown",
    /** Of the data key that is not known. */
    readonly keyId?: string,
  ) {
    super(message);
  }
}

/** A rule that no back-end can carry: which one, and why. Nothing was written. */
export class PacketRuleError extends Error {
  override readonly name = "PacketRuleError";

  constructor(
    readonly key: string,
    readonly reason: string,
  ) {
    super(`packet-filter rule ${key}: ${reason}`);
  }
}

/** A back-end could not do its work: what was tried, and what the kernel or the command answered. */
export class PacketFilterError extends Error {
  override readonly name = "PacketFilterError";
}

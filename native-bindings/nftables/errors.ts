import type { NetlinkError } from "../netlink/errors.js";

/** The kernel refused a transaction; nothing of it was done. */
export class NftTransactionError extends Error {
  override readonly name = "NftTransactionError";
  /** Symbolic errno of the first failure, such as `ENOENT`. */
  readonly code: string;
  /** The first refused message: its operation, errno, the kernel's words and the byte offset it points at. */
  readonly first: NetlinkError;

  constructor(
    /** Refused messages by their place in the batch; 0 is the commit as a whole. Never empty. */
    readonly failures: ReadonlyMap<number, NetlinkError>,
  ) {
    const [first] = [...failures].sort(([a], [b]) => a - b).map(([, error]) => error);
    if (!first) throw new Error("a transaction error without a failure");
    const rest = failures.size - 1;
    super(`nf_tables: ${first.message}${rest > 0 ? ` (and ${rest} more of the same transaction)` : ""}`);
    this.first = first;
    this.code = first.code;
  }
}

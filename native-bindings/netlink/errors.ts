import { describeErrno } from "../system-call-error.js";

/** Bytes that are not a netlink message. */
export class NetlinkFormatError extends Error {
  override readonly name = "NetlinkFormatError";
}

/** The kernel's refusal of one request. */
export class NetlinkError extends Error {
  override readonly name = "NetlinkError";
  /** Symbolic errno, such as `EEXIST`. */
  readonly code: string;

  constructor(
    /** What was asked, in words: `add link br0`. */
    readonly operation: string,
    /** Positive errno. */
    readonly errno: number,
    /** The kernel's own words (extended ack), where it gave any. */
    readonly kernelText?: string,
    /** Byte offset in the request that the kernel points at. */
    readonly offset?: number,
  ) {
    const [code, text] = describeErrno(errno);
    super(`${operation}: ${kernelText ? `${kernelText}; ` : ""}${text} (${code})`);
    this.code = code;
  }
}

/** The answer did not come, was cut, or a dump stayed inconsistent after all tries. */
export class NetlinkTransportError extends Error {
  override readonly name: string = "NetlinkTransportError";
}

/** The kernel had messages for the socket and no room for them (ENOBUFS): what it knows must be asked for again. */
export class NetlinkOverrunError extends NetlinkTransportError {
  override readonly name = "NetlinkOverrunError";
}

/** Nothing that answers as a server of the cluster is at the address. */
export class ConnectError extends Error {
  override readonly name = "ConnectError";
  /**
   * @param code the system's, "ENOENT"
   * @param stage how far it came: the socket, or TLS over it
   */
  constructor(
    readonly code: string,
    message: string,
    readonly stage: "connect" | "tls",
  ) {
    super(message);
  }
}

/** The call failed: the server's code and words. */
export class CallFailure extends Error {
  override readonly name = "CallFailure";
  constructor(
    readonly code: number,
    readonly details: string,
    /** The server's clock, as in an answer. */
    readonly serverTimeMs?: number,
  ) {
    super(details);
  }
}

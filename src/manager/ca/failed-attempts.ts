/** How many wrong tokens may come from one place before it is not listened to for a while. */
export interface FailedAttempts {
  /** Nothing that comes from there is looked at now. @param peer "10.0.0.7:53210", or a socket's path */
  isBarred(peer: string): boolean;
  /** A wrong token came from there. */
  note(peer: string): void;
}

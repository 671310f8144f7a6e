/**
 * Closes netfilter sockets after the work in hand.
 *
 * When set elements or rules were deleted just before, closing any socket of the netfilter family waits for the kernel to
 * finish with them (an RCU grace period: 10 to 25 ms, measured on Linux 6.18), which for a change in a hundred sandboxes would
 * be two seconds. Closed together at the end, the first one waits and the others find nothing left to wait for.
 *
 * An open socket keeps its namespace alive, so none stays open beyond the turn of the event loop in which it was used.
 */
const PENDING_MAX = 512;

let pending: Disposable[] = [];

export function closeLater(socket: Disposable): void {
  if (pending.length === 0) setImmediate(closePending);
  pending.push(socket);
  if (pending.length >= PENDING_MAX) closePending();
}

/** Closes now what waits for it: before a namespace is removed that must be gone at once. */
export function closePending(): void {
  const sockets = pending;
  pending = [];
  for (const socket of sockets) socket[Symbol.dispose]();
}

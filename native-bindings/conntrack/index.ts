/** Tracked connections, by nfnetlink: list, delete, flush. */
export * as ct from "./constants.js";
export * from "./entry.js";
export { type BackendEntries, ConntrackSocket, type DeletedEntries } from "./socket.js";
export { describeTuple, type Tuple } from "./tuple.js";

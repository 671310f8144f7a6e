/** What one entry of the log may hold. SwarmKit's managers have the same limits. */

/** A batch begins a new entry after so many changed objects. */
export const MAX_CHANGES_PER_COMMIT = 200;
/** Bytes of one entry. */
export const MAX_TRANSACTION_BYTES = 1.5 * 1024 * 1024;
/** A batch begins a new entry after so many bytes. */
export const BATCH_BYTES = (MAX_TRANSACTION_BYTES * 3) / 4;

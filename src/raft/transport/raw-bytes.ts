/** For calls whose messages are encoded and decoded by hand. */
export const asBytes = (bytes: Buffer): Buffer => bytes;

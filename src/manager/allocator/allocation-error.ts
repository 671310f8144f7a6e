/** Why something could not be given out; the text goes to people. */
export class AllocationError extends Error {
  override readonly name = "AllocationError";
}

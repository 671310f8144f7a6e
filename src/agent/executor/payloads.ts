/** The secrets and configs that this node was given, in memory only. */

export interface Payloads {
  /** @returns its data; undefined when there is none of this id on the node */
  secret(id: string): Uint8Array | undefined;
  config(id: string): Uint8Array | undefined;
  /** Whether a manager has said since this agent's start all that the node is to have: what is missing then will not come. */
  isComplete(): boolean;
}

export const NO_PAYLOADS: Payloads = { secret: () => undefined, config: () => undefined, isComplete: () => true };

/** How an object behaves that does one operation after the other. */
export interface Model<State, Input, Output> {
  readonly initial: State;
  /** Neither changes the state nor matters when nobody saw its answer. */
  isRead(input: Input): boolean;
  /**
   * @returns the state after an operation with this answer; undefined when an object in `state` does not give it
   */
  step(state: State, input: Input, output: Output): State | undefined;
  /** @returns the state when an operation whose answer nobody saw takes effect here; undefined when it would change nothing */
  effect(state: State, input: Input): State | undefined;
  /** Equal states, and only those, have equal ones. */
  fingerprint(state: State): string;
  describe(input: Input, output: Output | undefined): string;
  describeState(state: State): string;
}

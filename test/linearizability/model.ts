/** How an object behaves that does one operation after the other. */
export interface Model<State, Input, Output> {
  readonly initial: State;
  /** An operation with this answer, or whatever its answer was, has changed nothing: it was a read, or was refused. */
  changesNothing(input: Input, output: Output | undefined): boolean;
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

/** Statuses that tsctl ends with. */
export const ExitCode = { success: 0, failure: 1, usage: 2, drift: 3, interrupted: 130 } as const;

/** What a person did or met that ends the command: one line, and the status to end with. */
export class CommandError extends Error {
  override readonly name: string = "CommandError";
  constructor(
    message: string,
    readonly exitCode: number = ExitCode.failure,
  ) {
    super(message);
  }
}

/** The command line itself is wrong: nothing was sent. */
export class UsageError extends CommandError {
  override readonly name = "UsageError";
  constructor(message: string) {
    super(message, ExitCode.usage);
  }
}

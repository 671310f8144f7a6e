/** Programs in a namespace, by nsenter(1) of util-linux. */
import { execa, type Options, type ResultPromise } from "execa";
import { namespacePath } from "./namespace.js";

/**
 * Starts a program in the namespace; the program takes nsenter's place, so signals and exit status are its own.
 * @param options as execa's
 */
export function runInNamespace<O extends Options = Record<never, never>>(
  name: string,
  file: string,
  args: readonly string[] = [],
  options?: O,
): ResultPromise<O> {
  // execa names the type of its result `{} & O`, which the compiler does not see to be O.
  return execa("nsenter", namespaceArguments(name, file, args), options) as unknown as ResultPromise<O>;
}

/** The arguments for nsenter(1), for those who start it themselves. */
export function namespaceArguments(name: string, file: string, args: readonly string[]): string[] {
  return [`--net=${namespacePath(name)}`, "--", file, ...args];
}

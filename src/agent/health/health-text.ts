/** Why a task is unhealthy, in one line. Pure. */

/** What one check came to. */
export interface CheckResult {
  /** Exit status; undefined when the check was broken off. */
  readonly status: number | undefined;
  /** The first of what it wrote, standard output and error. */
  readonly output: string;
}

const LONGEST_OUTPUT = 400;

/** @param last the failed check that was one too many */
export function unhealthyText(failures: number, last: CheckResult, timeoutMs: number): string {
  const which = failures === 1 ? "the check" : `${failures} checks in a row failed, the last`;
  return `task: unhealthy: ${which} ${howItEnded(last, timeoutMs)}`;
}

/** Of a task that is still coming up. */
export function notYetText(last: CheckResult, timeoutMs: number): string {
  return `task: not healthy yet: the last check ${howItEnded(last, timeoutMs)}`;
}

function howItEnded({ status, output }: CheckResult, timeoutMs: number): string {
  const how = status === undefined ? `took longer than ${secondsText(timeoutMs)}` : `ended with ${status}`;
  const line = oneLine(output);
  return line ? `${how}: ${line}` : how;
}

/** Nothing of what a check writes may steer a terminal, or fill a screen. */
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to go
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\s]+/g, " ").trim();
  return line.length > LONGEST_OUTPUT ? `${line.slice(0, LONGEST_OUTPUT)}…` : line;
}

function secondsText(ms: number): string {
  return ms < 1000 ? `${ms}ms` : `${Number((ms / 1000).toFixed(3))}s`;
}

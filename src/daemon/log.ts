/** Log lines of the daemon on standard error: time, part, text. */
export type Log = (line: string) => void;

export function logTo(stream: NodeJS.WritableStream, part: string): Log {
  return (line) => {
    // One event is one line, whatever an error's text holds.
    stream.write(`${new Date().toISOString()} ${part}: ${line.replaceAll("\n", " ")}\n`);
  };
}

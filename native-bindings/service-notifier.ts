/** What systemd is told of the daemon (sd_notify(3)), where it was started by systemd. */
import { sendUnixDatagram } from "./unix-datagram.js";

export interface Notifier {
  ready(status: string): void;
  status(text: string): void;
  stopping(): void;
  /** No more signs of life. */
  close(): void;
}

type Environment = Readonly<Record<string, string | undefined>>;
type Send = (path: string, data: Uint8Array) => void;

/**
 * Signs of life are sent in half the time within which systemd wants them, from the event loop: one that hangs gives none.
 * @param environment its NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID count
 */
export function notifier(
  environment: Environment,
  log: (line: string) => void,
  send: Send = sendUnixDatagram,
): Notifier {
  const path = environment.NOTIFY_SOCKET;
  let hasFailed = false;
  const tell = (...lines: readonly string[]) => {
    if (!path) return;
    try {
      send(path, Buffer.from(lines.join("\n")));
    } catch (error) {
      if (!hasFailed) log(`systemd cannot be told (${path}): ${(error as Error).message}`);
      hasFailed = true;
    }
  };
  const periodMs = watchdogMs(environment);
  const timer = path && periodMs ? setInterval(() => tell("WATCHDOG=1"), periodMs).unref() : undefined;
  return {
    ready: (status) => tell("READY=1", `STATUS=${status}`),
    status: (text) => tell(`STATUS=${text}`),
    stopping: () => tell("STOPPING=1"),
    close: () => clearInterval(timer),
  };
}

/** Between two signs of life; undefined where none is wanted of this process. */
export function watchdogMs(environment: Environment, pid = process.pid): number | undefined {
  const wantedOf = environment.WATCHDOG_PID;
  if (wantedOf && Number(wantedOf) !== pid) return undefined;
  const periodUs = Number(environment.WATCHDOG_USEC);
  return periodUs > 0 ? Math.max(1, Math.floor(periodUs / 2000)) : undefined;
}

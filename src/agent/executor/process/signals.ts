/** Signals by name and number, as signal(7) has them for this machine. */
import { constants } from "node:os";

export type SignalName = NodeJS.Signals;

const byName = constants.signals as Readonly<Record<string, number>>;
const byNumber = new Map<number, SignalName>();
for (const [name, number] of Object.entries(byName)) {
  if (!byNumber.has(number)) byNumber.set(number, name as SignalName);
}

/** "SIGTERM", "term", "15" → "SIGTERM"; undefined for anything else. Real-time signals have no name here. */
export function parseSignal(text: string): SignalName | undefined {
  if (/^\d+$/.test(text)) return byNumber.get(Number(text));
  const upper = text.toUpperCase();
  const name = upper.startsWith("SIG") ? upper : `SIG${upper}`;
  return Object.hasOwn(byName, name) ? (name as SignalName) : undefined;
}

/** The signal that a shell's status stands for: 137 → "SIGKILL". A program may also exit with such a number by itself. */
export function signalOfStatus(status: number): SignalName | undefined {
  return status > 128 ? byNumber.get(status - 128) : undefined;
}

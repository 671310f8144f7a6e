/** Values of tswarmd's flags: what is refused is said in commander's one line. */
import { InvalidArgumentError } from "commander";
import { DEFAULT_PORT } from "./addresses/choose.js";
import { formatHostPort, parseHostPort } from "./addresses/host-port.js";

/** "HOST[:PORT][,HOST[:PORT]…]" @returns "HOST:PORT" each, without doubles */
export function managerAddresses(text: string): readonly string[] {
  const addresses = text.split(",").map((one) => managerAddress(one.trim()));
  if (addresses.includes(undefined))
    throw new InvalidArgumentError("HOST or HOST:PORT is due, several with commas between them.");
  return [...new Set(addresses as readonly string[])];
}

/** @returns "HOST:PORT"; undefined for what is no address */
export function managerAddress(text: string): string | undefined {
  const parsed = parseHostPort(text);
  return parsed && formatHostPort(parsed.host, parsed.port ?? DEFAULT_PORT);
}

/** ADDRESS, INTERFACE, or either with a port; what it stands for, the host says. */
export function hostPort(text: string): string {
  if (!parseHostPort(text)) throw new InvalidArgumentError("ADDRESS[:PORT] or INTERFACE[:PORT] is due.");
  return text;
}

/** A whole number within limits. */
export function whole(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`A whole number from ${least} to ${most} is due.`);
    return value;
  };
}

export function heartbeatSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0.1 && seconds <= 3600)) throw new InvalidArgumentError("Seconds from 0.1 to 3600 are due.");
  return seconds;
}

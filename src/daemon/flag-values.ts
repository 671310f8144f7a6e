/** Values of tswarmd's flags: what is refused is said in commander's one line. */
import { isIP } from "node:net";
import { InvalidArgumentError } from "commander";

const MANAGER_PORT = 4242;

/** "HOST[:PORT][,HOST[:PORT]…]" @returns "HOST:PORT" each, without doubles */
export function managerAddresses(text: string): readonly string[] {
  const addresses = text.split(",").map((one) => {
    const [, host, port] = /^([^:\s]+)(?::(\d+))?$/.exec(one.trim()) ?? [];
    if (!host || (port !== undefined && !isPort(Number(port))))
      throw new InvalidArgumentError("HOST or HOST:PORT is due, several with commas between them.");
    return `${host}:${port ?? MANAGER_PORT}`;
  });
  return [...new Set(addresses)];
}

export function listenAddress(text: string): string {
  const [, address, port] = /^(\d+\.\d+\.\d+\.\d+)?:?(\d+)?$/.exec(text) ?? [];
  if ((address && isIP(address) !== 4) || (port !== undefined && !isPort(Number(port))) || (!address && !port)) {
    throw new InvalidArgumentError("ADDRESS:PORT is due, with an IPv4 address of this host.");
  }
  return `${address ?? "0.0.0.0"}:${port ?? MANAGER_PORT}`;
}

export function ipv4(text: string): string {
  if (isIP(text) !== 4) throw new InvalidArgumentError("An IPv4 address of this host is due.");
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

function isPort(port: number): boolean {
  return Number.isInteger(port) && port > 0 && port < 65536;
}

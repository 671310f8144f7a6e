import type { TransportProtocol } from "../netns/packet-filter/rules.js";

export interface PublishedPort {
  readonly protocol: TransportProtocol;
  readonly port: number;
}

/** A published port as a map key and in texts: `tcp/8080`. */
export function portKey({ protocol, port }: PublishedPort): string {
  return `${protocol}/${port}`;
}

/** The inverse of {@link portKey}. */
export function portOfKey(key: string): PublishedPort {
  const slash = key.indexOf("/");
  return { protocol: key.slice(0, slash) as TransportProtocol, port: Number(key.slice(slash + 1)) };
}

export const PROTOCOL_NUMBERS: Readonly<Record<TransportProtocol, number>> = { tcp: 6, udp: 17, sctp: 132 };

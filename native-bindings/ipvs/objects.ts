/** IPVS services and destinations as data. */

export type IpvsFamily = "ipv4" | "ipv6";
export type IpvsProtocol = "tcp" | "udp" | "sctp";

/** What identifies a service: a firewall mark, or protocol, address and port. */
export type IpvsServiceKey =
  | { readonly family: IpvsFamily; readonly mark: number }
  | {
      readonly family: IpvsFamily;
      readonly protocol: IpvsProtocol;
      readonly address: string;
      readonly port: number;
    };

export interface IpvsService {
  readonly key: IpvsServiceKey;
  /** `rr`, `wrr`, `lc`, `mh` …; at most 15 bytes. */
  readonly scheduler: string;
  /** IP_VS_SVC_F_*; of what the kernel reports, IP_VS_SVC_F_HASHED is left out: it says only that the service is in place. */
  readonly flags: number;
  /** Persistence, 0 without. */
  readonly persistenceTimeoutS: number;
  /** Clients with the same prefix of this many bits persist together: 32 (IPv4) and 128 (IPv6) mean each on its own. */
  readonly persistencePrefixBits: number;
}

/** How packets reach a destination. Only `masquerade` can change addresses. */
export type IpvsForwarding = "masquerade" | "local" | "tunnel" | "route" | "bypass";

/** How a `tunnel` destination's packets are wrapped. */
export interface IpvsTunnel {
  readonly type: "ipip" | "gue" | "gre";
  readonly port: number;
  readonly flags: number;
}

export interface IpvsDestination {
  readonly family: IpvsFamily;
  readonly address: string;
  /** 0 with a service by mark: the port that the client called. */
  readonly port: number;
  readonly forwarding: IpvsForwarding;
  /** 0: keeps its connections and gets no new ones. */
  readonly weight: number;
  /** Connections above which it gets no new ones, until they fall below the lower threshold; 0: no limit. */
  readonly upperThreshold: number;
  readonly lowerThreshold: number;
  readonly tunnel: IpvsTunnel;
}

/** Counted since the object was made. */
export interface IpvsStatistics {
  readonly connections: number;
  readonly packetsIn: number;
  readonly packetsOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** A service as the kernel reports it. */
export interface IpvsServiceReport extends IpvsService {
  readonly statistics: IpvsStatistics;
}

/** A destination as the kernel reports it. */
export interface IpvsDestinationReport extends IpvsDestination {
  readonly activeConnections: number;
  readonly inactiveConnections: number;
  readonly persistentConnections: number;
  readonly statistics: IpvsStatistics;
}

/** After how long idle entries of the connection table end, in seconds. 0 in a request: as before. */
export interface IpvsTimeouts {
  readonly tcpS: number;
  readonly tcpFinS: number;
  readonly udpS: number;
}

export const PLAIN_TUNNEL: IpvsTunnel = { type: "ipip", port: 0, flags: 0 };

/** A service by mark with no persistence. */
export function markService(mark: number, scheduler: string, family: IpvsFamily = "ipv4"): IpvsService {
  return {
    key: { family, mark },
    scheduler,
    flags: 0,
    persistenceTimeoutS: 0,
    persistencePrefixBits: family === "ipv6" ? 128 : 32,
  };
}

/** A destination of a service by mark, reached by address translation: of its address's family, as the service must be. */
export function masqueradedDestination(address: string, weight: number): IpvsDestination {
  return {
    family: address.includes(":") ? "ipv6" : "ipv4",
    address,
    port: 0,
    forwarding: "masquerade",
    weight,
    upperThreshold: 0,
    lowerThreshold: 0,
    tunnel: PLAIN_TUNNEL,
  };
}

/** In words, for error texts: `fwmark 256`, `fwmark 256 of ipv6`, `tcp 10.0.0.9:80`. */
export function describeServiceKey(key: IpvsServiceKey): string {
  if ("mark" in key) return `fwmark ${key.mark}${key.family === "ipv6" ? " of ipv6" : ""}`;
  return `${key.protocol} ${describeEnd(key.address, key.port)}`;
}

/** `10.0.0.9:80`, `[fd00::9]:80`. */
export function describeEnd(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** One query, from its bytes to a decision: answer it, ask upstream, or say nothing. Pure but for the injected randomness. */
import { MAX_MESSAGE_BYTES, RCODE } from "./constants.js";
import { DnsFormatError } from "./format-error.js";
import { isBadQuery, type Query, readQuery } from "./query.js";
import { addressResponse, emptyResponse, pointerResponse, type Random } from "./response.js";
import type { SandboxNames } from "./sandbox-names.js";

export type Transport = "udp" | "tcp";

export type Decision =
  | { readonly kind: "answer"; readonly response: Buffer }
  | { readonly kind: "refuse"; readonly response: Buffer }
  | { readonly kind: "forward"; readonly query: Query }
  | { readonly kind: "ignore" };

const IGNORE: Decision = { kind: "ignore" };

export function decide(bytes: Buffer, transport: Transport, names: SandboxNames, random: Random): Decision {
  const query = readQuery(bytes);
  if (isBadQuery(query)) {
    return query.rcode === undefined ? IGNORE : { kind: "refuse", response: emptyResponse(query, query.rcode) };
  }
  const resolution = names.resolve(query);
  switch (resolution.kind) {
    case "addresses": {
      const limitBytes = transport === "udp" ? query.udpSizeBytes : MAX_MESSAGE_BYTES;
      return { kind: "answer", response: addressResponse(query, resolution.records, limitBytes, random) };
    }
    case "pointer":
      return { kind: "answer", response: pointerOrNothing(query, resolution.name, resolution.ttlSeconds) };
    case "empty":
      return { kind: "answer", response: emptyResponse(query, RCODE.NOERROR) };
    case "no-such-name":
      return { kind: "answer", response: emptyResponse(query, RCODE.NXDOMAIN) };
    case "refused":
      return { kind: "refuse", response: emptyResponse(query, RCODE.REFUSED) };
    case "foreign":
      return { kind: "forward", query };
  }
}

/** A task may bear a name that is too long for the DNS; its address then has none. */
function pointerOrNothing(query: Query, name: string, ttlSeconds: number): Buffer {
  try {
    return pointerResponse(query, name, ttlSeconds);
  } catch (error) {
    if (!(error instanceof DnsFormatError)) throw error;
    return emptyResponse(query, RCODE.NOERROR);
  }
}

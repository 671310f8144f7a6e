/**
 * Which tracked connections must end when services change. Pure.
 *
 * A connection is translated once, with its first packet, and then keeps its destination whatever the rules say later. So
 * three kinds do not fit any more: those to a destination that is gone, those to a virtual address or published port that is
 * gone, and those that began while there was nobody to call, which would pass by the rules as long as their sender goes on
 * (UDP). Without its entry the next packet counts as a new connection: UDP moves to another destination, TCP reaches one that
 * does not know it and answers with a reset.
 */
import type { VirtualService } from "./load-balancer.js";
import { PROTOCOL_NUMBERS, portKey, portOfKey } from "./published-port.js";
import { type ServiceChanges, sameWays } from "./service-changes.js";
import { isCallable } from "./ways.js";

/** What matters here of one tracked connection. */
export interface Flow {
  /** As the first packet came. */
  readonly original: {
    /** IPPROTO_* */
    readonly protocol: number;
    readonly destination: string;
    readonly destinationPort?: number;
  };
  /** As answers come: from the destination after translation. */
  readonly reply: { readonly source: string };
}

/** What may go on of the connections to one address or port. */
interface Allowed {
  readonly destinations: ReadonlySet<string>;
  /** Somebody takes new connections, so untranslated ones are left over from before. */
  readonly callable: boolean;
  /** The destinations that are gone; undefined: unknown. */
  readonly lost?: readonly string[];
  /** Untranslated connections may be left over. */
  readonly awoken: boolean;
}

/** Virtual addresses and published ports to look at; undefined: gone, so no translated connection may go on. */
export interface FlowRules {
  readonly virtual: ReadonlyMap<string, Allowed | undefined>;
  /** By protocol's number and port: `6/80`. */
  readonly published: ReadonlyMap<string, Allowed | undefined>;
}

/** Which connections to list: what is given must agree. */
export interface FlowQuery {
  readonly original?: {
    readonly protocol?: number;
    readonly destination?: string;
    readonly destinationPort?: number;
  };
  readonly reply?: { readonly source: string };
}

export function isStale(flow: Flow, rules: FlowRules): boolean {
  const { destination } = flow.original;
  let allowed = rules.virtual.get(destination);
  if (!allowed && !rules.virtual.has(destination)) {
    const port = publishedKey(flow);
    if (port === undefined || !rules.published.has(port)) return false;
    allowed = rules.published.get(port);
  }
  if (flow.reply.source === destination) return allowed?.callable ?? false;
  return !allowed?.destinations.has(flow.reply.source);
}

export function isEmpty({ virtual, published }: FlowRules): boolean {
  return virtual.size + published.size === 0;
}

/**
 * Lists that together hold every connection that {@link isStale} can be true of, and little else: a namespace may have many
 * thousands that a change does not concern, and the kernel sorts those out faster.
 */
export function flowQueries({ virtual, published }: FlowRules): FlowQuery[] {
  const queries: FlowQuery[] = [];
  for (const [destination, allowed] of virtual) {
    const original = { destination };
    if (!allowed?.lost) queries.push({ original });
    else {
      for (const source of allowed.lost) queries.push({ original, reply: { source } });
      if (allowed.awoken) queries.push({ original, reply: { source: destination } });
    }
  }
  for (const [key, allowed] of published) {
    const [protocol, destinationPort] = key.split("/").map(Number);
    const original = { protocol, destinationPort };
    if (!allowed?.lost || allowed.awoken) queries.push({ original });
    else for (const source of allowed.lost) queries.push({ original, reply: { source } });
  }
  return queries;
}

/** After a change from one known list to another: only services that lost a destination, a way in, or were not callable. */
export function flowRulesOfChanges({ removed, added, changed }: ServiceChanges): FlowRules {
  const rules = new RuleBuilder();
  for (const service of removed) rules.gone(service);
  for (const { before, after } of changed) {
    rules.gone(before);
    const kept = new Set(after.destinations.map(({ address }) => address));
    const lost = before.destinations.map(({ address }) => address).filter((address) => !kept.has(address));
    const awoken = isCallable(after) && !isCallable(before);
    if (!sameWays(before, after)) rules.stands(after);
    else if (lost.length > 0 || awoken) rules.stands(after, lost, awoken);
    else rules.unchanged(after);
  }
  for (const service of added) if (isCallable(service)) rules.stands(service);
  return rules;
}

/** After a look at a kernel whose past is unknown: all services, and what else the kernel was found to have. */
export function flowRulesOfLook(
  wanted: readonly VirtualService[],
  addressesFound: Iterable<string>,
  portsFound: Iterable<string>,
): FlowRules {
  const rules = new RuleBuilder();
  for (const address of addressesFound) rules.virtual.set(address, undefined);
  for (const port of portsFound) rules.published.set(numericKey(port), undefined);
  for (const service of wanted) rules.stands(service);
  return rules;
}

/** Ways in that are gone are entered first; a service that stands takes its own back. */
class RuleBuilder implements FlowRules {
  readonly virtual = new Map<string, Allowed | undefined>();
  readonly published = new Map<string, Allowed | undefined>();

  gone({ virtual, published }: VirtualService): void {
    if (virtual && !this.virtual.has(virtual.address)) this.virtual.set(virtual.address, undefined);
    for (const port of published) {
      const key = numericKey(portKey(port));
      if (!this.published.has(key)) this.published.set(key, undefined);
    }
  }

  stands(service: VirtualService, lost?: readonly string[], awoken = true): void {
    const allowed: Allowed = {
      destinations: new Set(service.destinations.map(({ address }) => address)),
      callable: isCallable(service),
      awoken,
      ...(lost ? { lost } : {}),
    };
    if (service.virtual) this.virtual.set(service.virtual.address, allowed);
    for (const port of service.published) this.published.set(numericKey(portKey(port)), allowed);
  }

  /** Its connections are as they should be: nothing to look at, unless another service left them behind. */
  unchanged({ virtual, published }: VirtualService): void {
    if (virtual && this.virtual.get(virtual.address) === undefined) this.virtual.delete(virtual.address);
    for (const port of published) {
      const key = numericKey(portKey(port));
      if (this.published.get(key) === undefined) this.published.delete(key);
    }
  }
}

/** `tcp/80` with the protocol's number, which is what flows carry. */
function numericKey(key: string): string {
  const { protocol, port } = portOfKey(key);
  return `${PROTOCOL_NUMBERS[protocol]}/${port}`;
}

const PROTOCOLS_WITH_PORTS: ReadonlySet<number> = new Set(Object.values(PROTOCOL_NUMBERS));

function publishedKey({ original: { protocol, destinationPort } }: Flow): string | undefined {
  return PROTOCOLS_WITH_PORTS.has(protocol) ? `${protocol}/${destinationPort}` : undefined;
}

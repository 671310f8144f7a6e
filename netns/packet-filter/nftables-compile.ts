/** PacketRule → nf_tables expressions. Pure. */
import { encodeComment } from "../../native-bindings/nftables/comment.js";
import * as nft from "../../native-bindings/nftables/constants.js";
import type { Expression, Verdict } from "../../native-bindings/nftables/expression.js";
import type { ChainBase } from "../../native-bindings/nftables/objects.js";
import { ipv4Bytes } from "./address-prefix.js";
import {
  ALL_BITS,
  bitwise,
  compileMatch,
  hostBytes,
  matchMark,
  matchProtocol,
  type PortSet,
  portBytes,
  REGISTER,
} from "./nftables-match.js";
import type { PacketAction, PacketRule, PacketRules } from "./rules.js";
import { STAGE_PLACES, type StagePlace, stagePlaceOf } from "./stage.js";

export interface CompiledRule {
  readonly key: string;
  readonly chain: string;
  readonly expressions: readonly Expression[];
  readonly portSet?: PortSet;
}

export interface CompiledTable {
  readonly family: "ip" | "ip6";
  /** Chains in the order in which they are made; those without a base are jumped to. */
  readonly chains: ReadonlyMap<string, ChainBase | undefined>;
  readonly rules: readonly CompiledRule[];
}

const SECOND_REGISTER = 2;

/** @param rules validated. @returns one table for each family that has rules */
export function compileRules(rules: PacketRules): CompiledTable[] {
  return (["ip", "ip6"] as const).flatMap((family) => {
    const ours = rules.filter((rule) => (rule.family ?? "ip") === family);
    return ours.length === 0 ? [] : [compileTable(family, ours)];
  });
}

function compileTable(family: "ip" | "ip6", rules: PacketRules): CompiledTable {
  const inner = innerChainNames();
  const compiled = rules.map((rule) => ({ place: placeOf(rule), rules: [...compileRule(rule, inner)] }));
  const chains = new Map<string, ChainBase | undefined>();
  for (const place of STAGE_PLACES) {
    if (compiled.some((rule) => rule.place === place)) chains.set(baseChainName(place), baseOf(place));
  }
  const flat = compiled.flatMap((rule) => rule.rules);
  for (const { chain } of flat) if (!chains.has(chain)) chains.set(chain, undefined);
  return { family, chains, rules: flat };
}

function placeOf(rule: PacketRule): StagePlace {
  const place = stagePlaceOf(rule);
  if (!place) throw new Error(`rule ${rule.key} was not validated`);
  return place;
}

export function baseChainName(place: StagePlace): string {
  return `${place.stage}-${place.hook}`;
}

function baseOf(place: StagePlace): ChainBase {
  return { type: place.chainType, hook: place.hook, priority: place.priority, policy: "accept" };
}

function* compileRule(rule: PacketRule, innerChains: Iterator<string, never>): Generator<CompiledRule> {
  const { key, match, action } = rule;
  const chain = baseChainName(placeOf(rule));
  const { expressions, portSet } = compileMatch(match);
  const base = { key, chain, ...(portSet ? { portSet } : {}) };
  if (action.kind === "reject") {
    const unreachable: Expression = {
      kind: "reject",
      type: "icmp",
      code: rule.family === "ip6" ? nft.ICMPV6_PORT_UNREACH : nft.ICMP_PORT_UNREACH,
    };
    if (match.protocol === undefined) {
      yield { ...base, expressions: [...expressions, ...matchProtocol("tcp"), TCP_RESET] };
      yield { ...base, expressions: [...expressions, unreachable] };
    } else {
      yield { ...base, expressions: [...expressions, match.protocol === "tcp" ? TCP_RESET : unreachable] };
    }
    return;
  }
  if (action.kind === "restore-mark" && (action.mask ?? ALL_BITS) !== ALL_BITS) {
    const inner = innerChains.next().value;
    yield { ...base, expressions: [...expressions, verdict({ kind: "jump", chain: inner })] };
    yield* restoreBits(key, inner, action.mask!);
    return;
  }
  yield { ...base, expressions: [...expressions, ...compileAction(action)] };
}

/** `restore-1`, `restore-2` … */
function* innerChainNames(): Generator<string, never> {
  for (let number = 1; ; number++) yield `restore-${number}`;
}

const TCP_RESET: Expression = { kind: "reject", type: "tcp-reset", code: 0 };

/**
 * Copies the masked bits of the connection's mark one by one: only new kernels can combine two registers. In a chain of its own,
 * so that the half-copied mark is never matched.
 */
function* restoreBits(key: string, chain: string, mask: number): Generator<CompiledRule> {
  yield { key, chain, expressions: setMark("meta", 0, mask) };
  for (let bit = 0; bit < 32; bit++) {
    const value = (1 << bit) >>> 0;
    if ((mask & value) === 0) continue;
    yield { key, chain, expressions: [...matchMark("ct", value, value), ...setMark("meta", value, value)] };
  }
}

function compileAction(action: Exclude<PacketAction, { kind: "reject" }>): Expression[] {
  switch (action.kind) {
    case "dnat": {
      const to: Expression[] = [{ kind: "immediate", destination: REGISTER, value: ipv4Bytes(action.address) }];
      const nat = { kind: "nat", type: "destination", family: "ip", address: REGISTER } as const;
      if (action.port === undefined) return [...to, nat];
      return [
        ...to,
        { kind: "immediate", destination: SECOND_REGISTER, value: portBytes(action.port) },
        { ...nat, port: SECOND_REGISTER },
      ];
    }
    case "snat":
      return [
        { kind: "immediate", destination: REGISTER, value: ipv4Bytes(action.address) },
        { kind: "nat", type: "source", family: "ip", address: REGISTER },
      ];
    case "redirect":
      return [
        { kind: "immediate", destination: REGISTER, value: portBytes(action.port) },
        { kind: "redir", port: REGISTER },
      ];
    case "masquerade":
      return [{ kind: "masq" }];
    case "mark":
      return setMark("meta", action.value, action.mask ?? ALL_BITS);
    case "connection-mark":
      return setMark("ct", action.value, action.mask ?? ALL_BITS);
    case "restore-mark":
      return [
        { kind: "ct", key: "mark", destination: REGISTER },
        { kind: "meta", key: "mark", source: REGISTER },
      ];
    case "drop":
    case "accept":
      return [verdict({ kind: action.kind })];
  }
}

/** mark = (mark & ~mask) | value */
function setMark(kind: "meta" | "ct", value: number, mask: number): Expression[] {
  const store: Expression = { kind, key: "mark", source: REGISTER };
  if (mask === ALL_BITS) return [{ kind: "immediate", destination: REGISTER, value: hostBytes(value, 4) }, store];
  const keep = hostBytes(~mask >>> 0, 4);
  return [{ kind, key: "mark", destination: REGISTER }, bitwise(keep, hostBytes(value, 4)), store];
}

function verdict(value: Verdict): Expression {
  return { kind: "verdict", verdict: value };
}

/** The comment that carries a rule's key. */
export function keyUserdata(key: string): Buffer {
  return encodeComment(key);
}

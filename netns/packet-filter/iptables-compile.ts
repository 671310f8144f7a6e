/**
 * PacketRule → iptables rules, word for word as `iptables-save` prints them: so what was written compares with what is found.
 * Pure.
 */
import { formatPrefix, type Ipv4Prefix, parsePrefix, prefixesWithout } from "./address-prefix.js";
import type { PacketAction, PacketHook, PacketMatch, PacketRule, PacketRules } from "./rules.js";
import { STAGE_PLACES, type StagePlace, stagePlaceOf } from "./stage.js";

export type IptablesTable = StagePlace["iptablesTable"];

export interface IptablesRule {
  readonly key: string;
  readonly place: StagePlace;
  /** Words behind `-A CHAIN`. */
  readonly words: readonly string[];
}

/** Ports and ranges that one `multiport` holds; a range takes two places. */
const MULTIPORT_PLACES = 15;
const ALL_BITS = 0xffff_ffff;

/** Name of the chain of a place. */
export function iptablesChain(prefix: string, place: StagePlace): string {
  return `${prefix}-${place.stage}-${place.hook}`.toUpperCase();
}

export function builtInChain(hook: PacketHook): string {
  return hook.toUpperCase();
}

/** @param rules validated, of one family. @returns the rules by place, each place's in the order in which they are tried */
export function compileIptables(rules: PacketRules): IptablesRule[] {
  const compiled = rules.flatMap((rule) => [...compileRule(rule)]);
  return STAGE_PLACES.flatMap((place) => compiled.filter((rule) => rule.place === place));
}

function* compileRule(rule: PacketRule): Generator<IptablesRule> {
  const place = stagePlaceOf(rule);
  if (!place) throw new Error(`rule ${rule.key} was not validated`);
  const { key, match, action } = rule;
  const targets = compileAction(action, rule.family ?? "ip", match.protocol);
  for (const addresses of addressWords(match)) {
    for (const ports of portWords(match)) {
      for (const { protocol, words } of targets) {
        yield {
          key,
          place,
          words: [
            ...addresses,
            ...interfaceWords(match),
            ...flag("-p", protocol),
            ...ports,
            ...matchWords(match),
            "-m",
            "comment",
            "--comment",
            key,
            "-j",
            ...words,
          ],
        };
      }
    }
  }
}

interface Target {
  /** What the rule must match for this target. */
  readonly protocol?: string;
  readonly words: readonly string[];
}

function compileAction(action: PacketAction, family: "ip" | "ip6", protocol: string | undefined): Target[] {
  const one = (...words: string[]): Target[] => [{ ...(protocol ? { protocol } : {}), words }];
  switch (action.kind) {
    case "dnat": {
      const to = action.port === undefined ? action.address : `${action.address}:${action.port}`;
      return one("DNAT", "--to-destination", to);
    }
    case "redirect":
      return one("REDIRECT", "--to-ports", String(action.port));
    case "masquerade":
      return one("MASQUERADE");
    case "snat":
      return one("SNAT", "--to-source", action.address);
    case "mark":
      return one("MARK", "--set-xmark", markAndMask(action.value, action.mask));
    case "connection-mark":
      return one("CONNMARK", "--set-xmark", markAndMask(action.value, action.mask));
    case "restore-mark": {
      const mask = hex(action.mask ?? ALL_BITS);
      return one("CONNMARK", "--restore-mark", "--nfmask", mask, "--ctmask", mask);
    }
    case "drop":
      return one("DROP");
    case "accept":
      // Not ACCEPT, which would also pass over the rules of others in this table.
      return one("RETURN");
    case "reject": {
      const reset: Target = { protocol: "tcp", words: ["REJECT", "--reject-with", "tcp-reset"] };
      const unreachable = family === "ip6" ? "icmp6-port-unreachable" : "icmp-port-unreachable";
      const refuse = one("REJECT", "--reject-with", unreachable);
      if (protocol === undefined) return [reset, ...refuse];
      return protocol === "tcp" ? [reset] : refuse;
    }
  }
}

/** One list of words for each pair of prefixes: iptables takes one `-s` and one `-d`, so "in A but not in B" becomes several. */
function* addressWords(match: PacketMatch): Generator<string[]> {
  for (const source of prefixWords("-s", match.source, match.notSource)) {
    for (const destination of prefixWords("-d", match.destination, match.notDestination)) {
      yield [...source, ...destination];
    }
  }
}

function prefixWords(option: string, inside: string | undefined, outside: string | undefined): string[][] {
  const positive = nonTrivial(inside);
  const negative = nonTrivial(outside);
  if (positive && negative) return prefixesWithout(positive, negative).map((prefix) => [option, formatPrefix(prefix)]);
  if (positive) return [[option, formatPrefix(positive)]];
  if (negative) return [["!", option, formatPrefix(negative)]];
  return [[]];
}

function nonTrivial(text: string | undefined): Ipv4Prefix | undefined {
  const prefix = text === undefined ? undefined : parsePrefix(text);
  return prefix && prefix.length > 0 ? prefix : undefined;
}

/** iptables takes one `-i` and one `-o`; with a wanted name, another unwanted one says nothing more. */
function interfaceWords(match: PacketMatch): string[] {
  return [
    ...(match.inInterface === undefined ? flag("! -i", match.notInInterface) : flag("-i", match.inInterface)),
    ...(match.outInterface === undefined ? flag("! -o", match.notOutInterface) : flag("-o", match.outInterface)),
  ];
}

function flag(option: string, value: string | undefined): string[] {
  return value === undefined ? [] : [...option.split(" "), value];
}

/** One list of words for each rule that the ports need. */
function portWords(match: PacketMatch): string[][] {
  const { protocol, sourcePort } = match;
  const source = sourcePort === undefined ? undefined : String(sourcePort);
  // The matches `tcp` and `udp` are always there; xt_sctp may not be, multiport knows SCTP as well.
  const single = protocol === "tcp" || protocol === "udp";
  const chunks = match.destinationPorts ? multiportChunks(match.destinationPorts) : [undefined];
  return chunks.map((chunk) => {
    if (single && (chunk === undefined || /^\d+$/.test(chunk))) {
      const words = [...flag("--sport", source), ...flag("--dport", chunk)];
      return words.length === 0 ? [] : ["-m", protocol, ...words];
    }
    return [
      ...(source === undefined ? [] : ["-m", "multiport", "--sports", source]),
      ...(chunk === undefined ? [] : ["-m", "multiport", "--dports", chunk]),
    ];
  });
}

/** @returns texts such as `80,443,8000:8010`, each of at most 15 places */
export function multiportChunks(ports: readonly number[]): string[] {
  const chunks: string[] = [];
  let places = 0;
  let items: string[] = [];
  for (const [first, last] of runsOf(ports)) {
    // Two neighbours take as many places apart as in a range.
    const needed = first === last ? 1 : 2;
    if (places + needed > MULTIPORT_PLACES) {
      chunks.push(items.join(","));
      places = 0;
      items = [];
    }
    places += needed;
    items.push(first === last ? String(first) : `${first}:${last}`);
  }
  if (items.length > 0) chunks.push(items.join(","));
  return chunks;
}

function runsOf(ports: readonly number[]): [first: number, last: number][] {
  const runs: [number, number][] = [];
  for (const port of [...new Set(ports)].sort((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run && run[1] === port - 1) run[1] = port;
    else runs.push([port, port]);
  }
  return runs;
}

function matchWords(match: PacketMatch): string[] {
  const words: string[] = [];
  if (match.sourceMac !== undefined) words.push("-m", "mac", "--mac-source", match.sourceMac.toLowerCase());
  for (const [option, wanted] of [
    ["--src-type", match.sourceLocal],
    ["--dst-type", match.destinationLocal],
  ] as const) {
    if (wanted !== undefined) words.push("-m", "addrtype", ...(wanted ? [] : ["!"]), option, "LOCAL");
  }
  if (match.mark) words.push("-m", "mark", "--mark", matchedMark(match.mark));
  if (match.connectionMark) words.push("-m", "connmark", "--mark", matchedMark(match.connectionMark));
  if (match.connectionState) {
    const states = STATES_AS_SAVED.filter((state) => match.connectionState?.includes(state));
    words.push("-m", "conntrack", "--ctstate", states.join(",").toUpperCase());
  }
  return words;
}

const STATES_AS_SAVED = ["invalid", "new", "related", "established"] as const;

function matchedMark({ value, mask }: { readonly value: number; readonly mask?: number }): string {
  return mask === undefined || mask === ALL_BITS ? hex(value) : `${hex(value)}/${hex(mask)}`;
}

function markAndMask(value: number, mask = ALL_BITS): string {
  return `${hex(value)}/${hex(mask)}`;
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

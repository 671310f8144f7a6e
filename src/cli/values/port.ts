import {
  type PortConfig,
  PortConfig_Protocol as Protocol,
  PortConfig_PublishMode as PublishMode,
} from "../../api/generated/docker/swarmkit/v1/types.js";
import { UsageError } from "../failure.js";

const PROTOCOLS: Readonly<Record<string, Protocol>> = { tcp: Protocol.TCP, udp: Protocol.UDP, sctp: Protocol.SCTP };
const MODES: Readonly<Record<string, PublishMode>> = { ingress: PublishMode.INGRESS, host: PublishMode.HOST };
const MAX_PORT = 65_535;

/**
 * Reads what to publish: `8080:80`, `80` (the cluster chooses the published port), `8080-8082:80-82`, each with an optional
 * `/udp` or `/sctp`; or `published=8080,target=80,protocol=tcp,mode=host`.
 * @throws UsageError
 */
export function parsePublish(text: string, flag: string): PortConfig[] {
  return text.includes("=") ? [parseLong(text, flag)] : parseShort(text, flag);
}

function parseShort(text: string, flag: string): PortConfig[] {
  const [ports = "", protocolName = "tcp", ...rest] = text.split("/");
  const parts = ports.split(":");
  if (parts.length > 2) {
    throw new UsageError(
      `${flag}: "${text}" names an address: a port is published on every address, write it as 8080:80`,
    );
  }
  const protocol = PROTOCOLS[protocolName.toLowerCase()];
  if (rest.length > 0 || protocol === undefined) {
    throw new UsageError(`${flag}: "${text}" has no known protocol: write tcp, udp or sctp after the slash`);
  }
  const targets = parseRange(parts.at(-1)!, text, flag);
  const published = parts.length === 2 ? parseRange(parts[0]!, text, flag) : targets.map(() => 0);
  if (published.length !== targets.length) {
    throw new UsageError(
      `${flag}: "${text}" publishes ${published.length} ports for ${targets.length} targets: both ranges must be of one length`,
    );
  }
  return targets.map((targetPort, at) => ({
    name: "",
    protocol,
    targetPort,
    publishedPort: published[at]!,
    publishMode: PublishMode.INGRESS,
  }));
}

function parseRange(range: string, text: string, flag: string): number[] {
  const [first = "", last = first, ...rest] = range.split("-");
  const from = parsePort(first, text, flag);
  const to = parsePort(last, text, flag);
  if (rest.length > 0 || to < from) throw new UsageError(`${flag}: "${text}" has a range that does not ascend`);
  return Array.from({ length: to - from + 1 }, (_, offset) => from + offset);
}

function parseLong(text: string, flag: string): PortConfig {
  const values = new Map<string, string>();
  for (const field of text.split(",")) {
    const at = field.indexOf("=");
    const key = at < 0 ? field : field.slice(0, at);
    if (at < 0 || !["published", "target", "protocol", "mode", "name"].includes(key)) {
      throw new UsageError(`${flag}: "${text}": "${field}" is not one of published=, target=, protocol=, mode=, name=`);
    }
    if (values.has(key)) throw new UsageError(`${flag}: "${text}" says ${key} twice`);
    values.set(key, field.slice(at + 1));
  }
  const target = values.get("target");
  if (target === undefined) throw new UsageError(`${flag}: "${text}" has no target=PORT`);
  const protocol = PROTOCOLS[(values.get("protocol") ?? "tcp").toLowerCase()];
  if (protocol === undefined) throw new UsageError(`${flag}: "${text}": protocol is one of tcp, udp, sctp`);
  const publishMode = MODES[(values.get("mode") ?? "ingress").toLowerCase()];
  if (publishMode === undefined) throw new UsageError(`${flag}: "${text}": mode is one of ingress, host`);
  const published = values.get("published");
  return {
    name: values.get("name") ?? "",
    protocol,
    targetPort: parsePort(target, text, flag),
    publishedPort: published === undefined ? 0 : parsePort(published, text, flag),
    publishMode,
  };
}

function parsePort(digits: string, text: string, flag: string): number {
  const port = /^\d{1,5}$/.test(digits) ? Number(digits) : 0;
  if (port < 1 || port > MAX_PORT) {
    throw new UsageError(`${flag}: "${text}": "${digits}" is not a port from 1 to ${MAX_PORT}: write it as 8080:80`);
  }
  return port;
}

/** What `--publish-rm` takes away: a target port, or a published and a target port, of one protocol. */
export interface PortSelector {
  readonly targetPort: number;
  /** Any when absent. */
  readonly publishedPort?: number;
  readonly protocol: Protocol;
}

/** Reads `80`, `80/udp` or `8080:80`. @throws UsageError */
export function parsePortSelector(text: string, flag: string): PortSelector[] {
  return parsePublish(text, flag).map(({ targetPort, publishedPort, protocol }) =>
    publishedPort === 0 ? { targetPort, protocol } : { targetPort, publishedPort, protocol },
  );
}

/** True when a port is one of those that the selector names. */
export function selectsPort(selector: PortSelector, port: PortConfig): boolean {
  return (
    port.targetPort === selector.targetPort &&
    port.protocol === selector.protocol &&
    (selector.publishedPort === undefined || selector.publishedPort === port.publishedPort)
  );
}

/** Refuses ports of one service that want the same published port. @throws UsageError */
export function refuseDuplicatePorts(ports: readonly PortConfig[], flag: string): void {
  const seen = new Set<string>();
  for (const port of ports) {
    if (port.publishedPort === 0) continue;
    const key = `${port.publishedPort}/${protocolName(port.protocol)}`;
    if (seen.has(key)) throw new UsageError(`${flag}: port ${key} is published twice`);
    seen.add(key);
  }
}

/** `tcp`, `udp` or `sctp`. */
export function protocolName(protocol: Protocol): string {
  return Object.keys(PROTOCOLS).find((name) => PROTOCOLS[name] === protocol) ?? String(protocol);
}

/** `ingress` or `host`. */
export function publishModeName(mode: PublishMode): string {
  return Object.keys(MODES).find((name) => MODES[name] === mode) ?? String(mode);
}

/** Writes a port as docker does, `*:8080->80/tcp`. */
export function formatPort(port: PortConfig): string {
  const published = port.publishedPort === 0 ? "" : `*:${port.publishedPort}->`;
  return `${published}${port.targetPort}/${protocolName(port.protocol)}`;
}

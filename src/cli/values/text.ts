import { constants } from "node:os";
import { UsageError } from "../failure.js";

const MAX_NAME_LENGTH = 63;
const MAX_SIGNAL = 64;

/** Checks the name of a service or network by the cluster's rule. @throws UsageError */
export function parseName(text: string, flag: string): string {
  if (text.length > MAX_NAME_LENGTH || !/^[a-zA-Z0-9](?:[-_]*[A-Za-z0-9]+)*$/.test(text)) {
    throw new UsageError(
      `${flag}: "${text}" is not a name: use up to ${MAX_NAME_LENGTH} letters, digits, - and _, with a letter or digit at both ends`,
    );
  }
  return text;
}

/** Checks a host name (RFC 1123), dots allowed, or a template with `{{`. @throws UsageError */
export function parseHostname(text: string, flag: string): string {
  const label = /^[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?$/;
  if (!text.includes("{{") && (text.length > 253 || !text.split(".").every((part) => label.test(part)))) {
    throw new UsageError(`${flag}: "${text}" is not a host name: use letters, digits, - and dots`);
  }
  return text;
}

/** Checks a working directory. @throws UsageError */
export function parseDirectory(text: string, flag: string): string {
  if (!text.startsWith("/") || text.includes("\0")) {
    throw new UsageError(`${flag}: "${text}" is not an absolute path: it must begin with /`);
  }
  return text;
}

/** Checks `USER[:GROUP]`, names or numbers. @throws UsageError */
export function parseUser(text: string, flag: string): string {
  if (!/^[^\s:]+(?::[^\s:]+)?$/.test(text)) {
    throw new UsageError(`${flag}: "${text}" is not a user: write USER or USER:GROUP, names or numbers`);
  }
  return text;
}

/** Checks a signal, `SIGTERM`, `term` or `15`; real-time ones as `SIGRTMIN+1`. @returns its name with SIG, or its number */
export function parseSignal(text: string, flag: string): string {
  if (/^\d{1,2}$/.test(text) && Number(text) >= 1 && Number(text) <= MAX_SIGNAL) return text;
  const name = `SIG${text.toUpperCase().replace(/^SIG/, "")}`;
  if (Object.hasOwn(constants.signals, name) || /^SIGRT(?:MIN(?:\+\d{1,2})?|MAX(?:-\d{1,2})?)$/.test(name)) return name;
  throw new UsageError(`${flag}: "${text}" is not a signal: write a name such as SIGTERM or a number from 1 to 64`);
}

/** Checks `KEY==VALUE` or `KEY!=VALUE`. @throws UsageError */
export function parseConstraint(text: string, flag: string): string {
  const match = /^\s*([^\s!=]+)\s*(==|!=)\s*(\S.*)$/.exec(text);
  const [, key = "", operator = "", value = ""] = match ?? [];
  if (!match || !/^[a-z_][a-z0-9\-_.]+$/i.test(key) || !/^[a-z0-9:\-_\s.*()?+[\]\\^$|/]+$/i.test(value)) {
    throw new UsageError(
      `${flag}: "${text}" is not a constraint: write KEY==VALUE or KEY!=VALUE, such as node.hostname==host1`,
    );
  }
  const known = ["node.id", "node.hostname", "node.ip", "node.role", "node.platform.os", "node.platform.arch"];
  const lower = key.toLowerCase();
  if (!known.includes(lower) && !lower.startsWith("node.labels.") && !lower.startsWith("engine.labels.")) {
    throw new UsageError(
      `${flag}: "${key}" cannot be constrained: use ${known.join(", ")}, node.labels.* or engine.labels.*`,
    );
  }
  return `${key}${operator}${value.trim()}`;
}

/** Reads a placement preference, `spread=node.labels.zone`. @returns the descriptor @throws UsageError */
export function parseSpread(text: string, flag: string): string {
  const match = /^spread=((?:node|engine)\.labels\.[^\s=]+)$/.exec(text);
  if (!match) {
    throw new UsageError(
      `${flag}: "${text}" is not a preference: write spread=node.labels.NAME or spread=engine.labels.NAME`,
    );
  }
  return match[1]!;
}

/**
 * Placement constraints: `node.labels.disk==ssd`. Values are compared without regard to case; there are no patterns. Keys: node.id,
 * node.hostname, node.ip (an address or a subnet), node.role, node.platform.os, node.platform.arch, node.labels.*, engine.labels.*.
 */
import { BlockList, isIP } from "node:net";
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";
import { architectureName, osName } from "./platform.js";

export interface Constraint {
  readonly key: string;
  readonly operator: "==" | "!=";
  readonly value: string;
}

export class ConstraintError extends Error {
  override readonly name = "ConstraintError";
}

/** One character is enough, unlike in SwarmKit. */
const KEY = /^[a-z_][a-z0-9\-_.]*$/i;
const VALUE = /^[a-z0-9:\-_\s.*()?+[\]\\^$|/]+$/i;

/** @throws ConstraintError with the reference's words */
export function parseConstraints(expressions: readonly string[]): readonly Constraint[] {
  return expressions.map(parseConstraint);
}

function parseConstraint(expression: string): Constraint {
  for (const operator of ["==", "!="] as const) {
    const at = expression.indexOf(operator);
    if (at < 0) continue;
    const key = expression.slice(0, at).trim();
    const value = expression.slice(at + operator.length).trim();
    if (!KEY.test(key)) throw new ConstraintError(`key '${key}' is invalid`);
    if (!VALUE.test(value)) throw new ConstraintError(`value '${value}' is invalid`);
    return { key, operator, value };
  }
  throw new ConstraintError("constraint expected one operator from ==, !=");
}

/** True when the node fits all of them. A key that nobody knows, and an address that is none, fit no node. */
export function nodeMatches(constraints: readonly Constraint[], node: Node): boolean {
  return constraints.every((constraint) => matcherOf(constraint)(node));
}

type Matcher = (node: Node) => boolean;

const matchers = new WeakMap<Constraint, Matcher>();

function matcherOf(constraint: Constraint): Matcher {
  let matcher = matchers.get(constraint);
  if (!matcher) {
    matcher = compile(constraint);
    matchers.set(constraint, matcher);
  }
  return matcher;
}

const NEVER: Matcher = () => false;
const NODE_LABEL = "node.labels.";
const ENGINE_LABEL = "engine.labels.";

function compile({ key, operator, value }: Constraint): Matcher {
  const isEqual = operator === "==";
  const compare = (read: (node: Node) => string | undefined, normal = fold): Matcher => {
    const wanted = normal(value);
    return (node) => (normal(read(node) ?? "") === wanted) === isEqual;
  };
  const lowerKey = key.toLowerCase();
  // Label keys keep their case; the prefix does not.
  if (lowerKey.startsWith(NODE_LABEL)) {
    const label = key.slice(NODE_LABEL.length);
    return label === "" ? NEVER : compare((node) => node.spec?.annotations?.labels[label]);
  }
  if (lowerKey.startsWith(ENGINE_LABEL)) {
    const label = key.slice(ENGINE_LABEL.length);
    return label === "" ? NEVER : compare((node) => node.description?.engine?.labels[label]);
  }
  switch (lowerKey) {
    case "node.id":
      return compare((node) => node.id);
    case "node.hostname":
      return compare((node) => node.description?.hostname);
    case "node.ip":
      return compileAddress(value, isEqual);
    case "node.role":
      return compare((node) => NodeRole[node.role]);
    case "node.platform.os":
      return compare((node) => node.description?.platform?.os, osName);
    case "node.platform.arch":
      return compare((node) => node.description?.platform?.architecture, architectureName);
    default:
      return NEVER;
  }
}

function fold(text: string): string {
  return text.toLowerCase();
}

/** An address of either family, or a subnet in which host bits do not count. */
function compileAddress(value: string, isEqual: boolean): Matcher {
  const [address, lengthText, ...more] = value.split("/") as [string, string?, ...string[]];
  const family = isIP(address);
  const longest = family === 4 ? 32 : 128;
  if (family === 0 || more.length > 0) return NEVER;
  if (lengthText !== undefined && !(/^\d{1,3}$/.test(lengthText) && Number(lengthText) <= longest)) return NEVER;
  const list = new BlockList();
  list.addSubnet(address, Number(lengthText ?? longest), family === 4 ? "ipv4" : "ipv6");
  return (node) => {
    const actual = node.status?.addr ?? "";
    const actualFamily = isIP(actual);
    const within = actualFamily !== 0 && list.check(actual, actualFamily === 4 ? "ipv4" : "ipv6");
    return within === isEqual;
  };
}

/** Placement constraints: `node.labels.disk==ssd`. Values are compared without regard to case; there are no patterns. */

import { inSubnet, readIpv4 } from "../../../overlay/ipv4.js";
import type { Node } from "../../api/generated/docker/swarmkit/v1/objects.js";
import { NodeRole } from "../../api/generated/docker/swarmkit/v1/types.js";

export interface Constraint {
  readonly key: string;
  readonly operator: "==" | "!=";
  readonly value: string;
}

export class ConstraintError extends Error {
  override readonly name = "ConstraintError";
}

const KEY = /^[a-z_][a-z0-9\-_.]+$/i;
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

/** True when the node fits all of them. A key that nobody knows fits no node. */
export function nodeMatches(constraints: readonly Constraint[], node: Node): boolean {
  return constraints.every((constraint) => matches(constraint, node));
}

const NODE_LABEL = "node.labels.";
const ENGINE_LABEL = "engine.labels.";

function matches({ key, operator, value }: Constraint, node: Node): boolean {
  const lowerKey = key.toLowerCase();
  const equal = (actual: string | undefined) =>
    ((actual ?? "").toLowerCase() === value.toLowerCase()) === (operator === "==");
  // Label keys keep their case; the prefix does not.
  if (lowerKey.startsWith(NODE_LABEL)) return equal(node.spec?.annotations?.labels[key.slice(NODE_LABEL.length)]);
  if (lowerKey.startsWith(ENGINE_LABEL)) return equal(node.description?.engine?.labels[key.slice(ENGINE_LABEL.length)]);
  switch (lowerKey) {
    case "node.id":
      return equal(node.id);
    case "node.hostname":
      return equal(node.description?.hostname);
    case "node.ip":
      return matchesAddress(node.status?.addr ?? "", value) === (operator === "==");
    case "node.role":
      return equal(NodeRole[node.role]);
    case "node.platform.os":
      return equal(node.description?.platform?.os);
    case "node.platform.arch":
      return equal(node.description?.platform?.architecture);
    default:
      return false;
  }
}

function matchesAddress(address: string, value: string): boolean {
  if (value.includes("/")) return inSubnet(address, value);
  const [a, b] = [readIpv4(address), readIpv4(value)];
  return a === undefined || b === undefined ? address.toLowerCase() === value.toLowerCase() : a === b;
}

import type { Expression, Verdict } from "./expression.js";

/**
 * An expression in words, much as `nft --debug=netlink` prints it: to show, and to compare rules by what they do. What the kernel
 * counts (packets) or does not return (the code of a TCP reset) is left out.
 * @param nameSet says a set: its name, or its contents where the name is the kernel's
 */
export function describeExpression(expression: Expression, nameSet: (name: string) => string = (name) => name): string {
  switch (expression.kind) {
    case "meta":
    case "ct": {
      const direction =
        expression.kind === "ct" && expression.direction !== undefined ? ` dir ${expression.direction}` : "";
      return expression.source === undefined
        ? `${expression.kind} load ${expression.key}${direction} => reg ${expression.destination}`
        : `${expression.kind} set ${expression.key} with reg ${expression.source}`;
    }
    case "payload": {
      const { base, offset, length, destination } = expression;
      return `payload load ${length}b @ ${base} header + ${offset} => reg ${destination}`;
    }
    case "cmp":
      return `cmp ${expression.operator} reg ${expression.source} ${hex(expression.value)}`;
    case "bitwise": {
      const { source, destination, mask, xor } = expression;
      return `bitwise reg ${destination} = (reg ${source} & ${hex(mask)}) ^ ${hex(xor)}`;
    }
    case "immediate":
      return `immediate reg ${expression.destination} ${hex(expression.value)}`;
    case "verdict":
      return describeVerdict(expression.verdict);
    case "lookup": {
      const { source, set, invert, destination } = expression;
      const into = destination === undefined ? "" : ` => reg ${destination}`;
      return `lookup reg ${source} ${invert ? "not in " : ""}${nameSet(set)}${into}`;
    }
    case "nat":
      return `nat ${expression.type} ${expression.family}${named(expression, ["address", "addressMax", "port", "portMax", "flags"])}`;
    case "masq":
    case "redir":
      return `${expression.kind}${named(expression, ["port", "portMax", "flags"])}`;
    case "reject":
      return expression.type === "tcp-reset" ? "reject tcp-reset" : `reject ${expression.type} ${expression.code ?? 0}`;
    case "fib":
      return `fib flags ${expression.flags} ${expression.result} => reg ${expression.destination}`;
    case "numgen":
      return `numgen ${expression.mode} mod ${expression.modulus} + ${expression.offset} => reg ${expression.destination}`;
    case "counter":
      return "counter";
    case "unknown":
      return `${expression.name} ${hex(expression.data)}`;
  }
}

export function describeVerdict(verdict: Verdict): string {
  return "chain" in verdict ? `${verdict.kind} ${verdict.chain}` : verdict.kind;
}

function hex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex")}`;
}

function named(expression: Expression, fields: readonly string[]): string {
  const values = expression as unknown as Readonly<Record<string, unknown>>;
  return fields.map((field) => (values[field] === undefined ? "" : ` ${field} ${values[field]}`)).join("");
}

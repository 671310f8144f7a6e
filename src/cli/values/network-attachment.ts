import { UsageError } from "../failure.js";

/** A network that tasks are attached to, as a person names it. */
export interface NetworkFlag {
  /** Id, name or prefix of an id. */
  readonly network: string;
  readonly aliases: readonly string[];
}

/** Reads `shop`, `shop,alias=x,alias=y` or `name=shop,alias=x`. @throws UsageError */
export function parseNetworkFlag(text: string, flag: string): NetworkFlag {
  const [first = "", ...rest] = text.split(",");
  const network = first.startsWith("name=") ? first.slice("name=".length) : first;
  if (network === "" || /[\s=]/.test(network)) {
    throw new UsageError(`${flag}: "${text}" names no network: write NETWORK or NETWORK,alias=NAME`);
  }
  const aliases = rest.map((field) => {
    const alias = /^alias=([^\s=]+)$/.exec(field)?.[1];
    if (alias === undefined) throw new UsageError(`${flag}: "${text}": "${field}" is not alias=NAME`);
    return alias;
  });
  return { network, aliases };
}

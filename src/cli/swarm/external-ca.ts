import { readFileSync } from "node:fs";
import { ExternalCA, ExternalCA_CAProtocol as Protocol } from "../../api/generated/docker/swarmkit/v1/types.js";
import { UsageError } from "../failure.js";
import { splitPair } from "../values/pair.js";

/** A PEM file longer than this is none. */
const MAX_PEM_BYTES = 64 * 1024;

/**
 * Reads `protocol=cfssl,url=https://ca:8888/api/v1/cfssl/sign,cacert=FILE`; what else it names are options for the protocol.
 * @throws UsageError
 */
export function parseExternalCa(text: string, flag: string): ExternalCA {
  const options: Record<string, string> = {};
  let protocol = "";
  let url = "";
  let caCert = Buffer.alloc(0);
  for (const field of text.split(",")) {
    const [key, value] = splitPair(field.trim());
    if (value === undefined) throw new UsageError(`${flag}: "${field}" is not KEY=VALUE`);
    const name = key.toLowerCase();
    if (name === "protocol") protocol = value.toLowerCase();
    else if (name === "url") url = value;
    else if (name === "cacert") caCert = Buffer.from(readPem(value, flag));
    else options[key] = value;
  }
  if (protocol === "") throw new UsageError(`${flag}: it needs protocol=cfssl`);
  if (protocol !== "cfssl") throw new UsageError(`${flag}: "${protocol}" is not a protocol: there is cfssl`);
  if (!/^https?:\/\/[^/]+/.test(url)) throw new UsageError(`${flag}: it needs url=https://HOST:PORT/api/v1/cfssl/sign`);
  return ExternalCA.fromPartial({ protocol: Protocol.CFSSL, url, options, caCert });
}

/** The text of a PEM file. @throws UsageError that shows nothing of what the file holds */
export function readPem(path: string, flag: string): string {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new UsageError(`${flag}: cannot read ${path}: ${(error as Error).message}`);
  }
  if (text.length > MAX_PEM_BYTES || !/-----BEGIN [A-Z0-9 ]+-----/.test(text))
    throw new UsageError(`${flag}: ${path} is not a PEM file`);
  return text;
}

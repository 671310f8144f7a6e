import { open } from "node:fs/promises";
import { UsageError } from "../failure.js";

/**
 * Reads a file, or standard input for `-`, as it is.
 * @param maxBytes more is not read
 * @throws UsageError when it cannot be read or is longer
 */
export async function readBytes(path: string, flag: string, maxBytes: number): Promise<Buffer> {
  const name = path === "-" ? "standard input" : path;
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of path === "-" ? process.stdin : (await open(path)).createReadStream()) {
      const bytes = Buffer.from(chunk as Buffer);
      length += bytes.length;
      if (length > maxBytes) break;
      chunks.push(bytes);
    }
  } catch (error) {
    throw new UsageError(`${flag}: cannot read ${name}: ${(error as Error).message}`);
  }
  if (length > maxBytes) throw new UsageError(`${flag}: ${name} is longer than ${maxBytes} bytes`);
  return Buffer.concat(chunks);
}

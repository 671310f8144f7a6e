/** The text form of keys and certificates (RFC 7468). */

/** What is to be read is not what it should be. Cites nothing of it: it may be a key. */
export class PemError extends Error {
  override readonly name = "PemError";
}

export interface PemBlock {
  /** "CERTIFICATE" */
  readonly label: string;
  readonly der: Buffer;
}

/** More than a trusted bundle of many roots has. */
export const MAX_PEM_BYTES = 256 * 1024;

const BEGIN = /^-----BEGIN ([A-Z0-9 ]{1,40})-----$/;
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

export function encodePem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der.buffer, der.byteOffset, der.byteLength)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/**
 * All blocks in their order. Text between them is skipped, as `openssl x509 -text` writes it; headers in a block are refused.
 * @throws PemError for a block without an end, or that is not base64, or for a text of more than {@link MAX_PEM_BYTES}
 */
export function decodePem(text: string): PemBlock[] {
  if (text.length > MAX_PEM_BYTES) throw new PemError(`more than ${MAX_PEM_BYTES} bytes of PEM`);
  const blocks: PemBlock[] = [];
  let label: string | undefined;
  let body: string[] = [];
  for (const untrimmed of text.split("\n")) {
    const line = untrimmed.trim();
    const begins = BEGIN.exec(line)?.[1];
    if (label === undefined) {
      label = begins;
      body = [];
    } else if (line === `-----END ${label}-----`) {
      blocks.push({ label, der: decodeBase64(body.join(""), label) });
      label = undefined;
    } else if (begins !== undefined || line.startsWith("-----")) {
      throw new PemError(`a PEM block "${label}" has no end`);
    } else {
      body.push(line);
    }
  }
  if (label !== undefined) throw new PemError(`a PEM block "${label}" has no end`);
  return blocks;
}

function decodeBase64(text: string, label: string): Buffer {
  if (text.length === 0 || text.length % 4 !== 0 || !BASE64.test(text)) {
    throw new PemError(`a PEM block "${label}" is not base64`);
  }
  return Buffer.from(text, "base64");
}

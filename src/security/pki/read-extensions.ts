/** What a certificate allows, and how it names keys (RFC 5280 section 4.2). */
import { TAG } from "./der.js";
import { DerError, type DerReader, DerReader as Reader } from "./der-reader.js";
import { KEY_USAGE } from "./extensions.js";
import { OID } from "./object-identifiers.js";

export interface Extensions {
  readonly isCa: boolean;
  /** How many certificates may lie between this one and a leaf; undefined: any number. */
  readonly pathLength?: number | undefined;
  /** The first octet of keyUsage, bits as in {@link KEY_USAGE}; undefined: everything is allowed. */
  readonly keyUsageBits?: number | undefined;
  /** Object identifiers; undefined: every purpose. */
  readonly purposes?: readonly string[] | undefined;
  readonly dnsNames: readonly string[];
  readonly subjectKeyId?: Buffer | undefined;
  readonly authorityKeyId?: Buffer | undefined;
  /** Critical ones that are not known here. */
  readonly unknownCritical: readonly string[];
  /** DER of each, by its identifier. */
  readonly extensions: ReadonlyMap<string, Buffer>;
}

const MAX_EXTENSIONS = 32;
const DNS_NAME = 0x82;
const KEY_IDENTIFIER = 0x80;

/** @param reader of `[3]`; undefined for a certificate without extensions. @throws DerError */
export function readExtensions(reader: DerReader | undefined): Extensions {
  const found: { -readonly [Key in keyof Extensions]: Extensions[Key] } & { unknownCritical: string[] } = {
    isCa: false,
    dnsNames: [],
    unknownCritical: [],
    extensions: new Map(),
  };
  if (!reader) return found;
  const list = reader.enter(TAG.sequence);
  reader.end();
  const all = new Map<string, Buffer>();
  while (!list.isAtEnd) {
    if (all.size === MAX_EXTENSIONS) throw new DerError(`more than ${MAX_EXTENSIONS} extensions`);
    const value = list.next(TAG.sequence);
    const extension = list.inside(value);
    const id = extension.oid();
    if (all.has(id)) throw new DerError(`the extension ${id} is there twice`);
    all.set(id, value.whole);
    const isCritical = extension.peek() === TAG.boolean && extension.boolean();
    const contents = new Reader(extension.next(TAG.octetString).contents);
    extension.end();
    const read = READERS[id];
    if (read) {
      Object.assign(found, read(contents));
      contents.end();
    } else if (isCritical) {
      found.unknownCritical.push(id);
    }
  }
  return { ...found, extensions: all };
}

const READERS: Readonly<Record<string, (reader: DerReader) => Partial<Extensions>>> = {
  [OID.basicConstraints](reader) {
    const inside = reader.enter(TAG.sequence);
    const isCa = inside.peek() === TAG.boolean && inside.boolean();
    const pathLength = inside.isAtEnd ? undefined : inside.smallInteger();
    inside.end();
    return { isCa, pathLength };
  },
  [OID.keyUsage](reader) {
    return { keyUsageBits: reader.bitString().octets[0] ?? 0 };
  },
  [OID.extendedKeyUsage](reader) {
    const inside = reader.enter(TAG.sequence);
    const purposes: string[] = [];
    while (!inside.isAtEnd) purposes.push(inside.oid());
    return { purposes };
  },
  [OID.subjectAltName](reader) {
    const inside = reader.enter(TAG.sequence);
    const dnsNames: string[] = [];
    while (!inside.isAtEnd) {
      const { tag, contents } = inside.next();
      if (tag === DNS_NAME) dnsNames.push(contents.toString("latin1"));
    }
    return { dnsNames };
  },
  [OID.subjectKeyIdentifier](reader) {
    return { subjectKeyId: reader.next(TAG.octetString).contents };
  },
  [OID.authorityKeyIdentifier](reader) {
    const inside = reader.enter(TAG.sequence);
    const authorityKeyId = inside.optional(KEY_IDENTIFIER)?.contents;
    // Its issuer's name and serial number may follow.
    while (!inside.isAtEnd) inside.next();
    return { authorityKeyId };
  },
};

/** Whether it may sign certificates. */
export function maySignCertificates({ isCa, keyUsageBits }: Extensions): boolean {
  return isCa && (keyUsageBits === undefined || (keyUsageBits & KEY_USAGE.keyCertSign) !== 0);
}

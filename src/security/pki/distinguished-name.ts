/** Who a certificate is of, and by (RFC 5280 section 4.1.2.4). */
import { oid, printableString, sequence, set, TAG, utf8String } from "./der.js";
import type { DerReader, DerValue } from "./der-reader.js";
import { OID } from "./object-identifiers.js";

/** The attributes that a cluster uses; undefined where a name has none, or more than one, of a kind. */
export interface NameParts {
  /** O: the cluster. */
  readonly organization?: string | undefined;
  /** OU: the role. */
  readonly organizationalUnit?: string | undefined;
  /** CN: the node. */
  readonly commonName?: string | undefined;
}

const PARTS = [
  [OID.organization, "organization"],
  [OID.organizationalUnit, "organizationalUnit"],
  [OID.commonName, "commonName"],
] as const;

/** What X.680 lets a PrintableString hold. */
const PRINTABLE = /^[A-Za-z0-9 '()+,./:=?-]*$/;

/** More than any name has. */
const MAX_ATTRIBUTES = 32;

export function encodeName(parts: NameParts): Buffer {
  return sequence(
    ...PARTS.flatMap(([id, part]) => {
      const value = parts[part];
      return value === undefined ? [] : [set(sequence(oid(id), directoryString(value)))];
    }),
  );
}

/**
 * As Go's crypto/x509 writes it: an authority that signs a root once more writes its name anew, and only names that are the same byte for
 * byte lead from one certificate to the other.
 */
function directoryString(value: string): Buffer {
  return PRINTABLE.test(value) ? printableString(value) : utf8String(value);
}

/** @throws DerError when it is no name */
export function readName(reader: DerReader): { readonly der: Buffer; readonly parts: NameParts } {
  const value = reader.next(TAG.sequence);
  const names = reader.inside(value);
  const found = new Map<string, (string | undefined)[]>();
  for (let count = 0; !names.isAtEnd; count++) {
    const group = names.enter(TAG.set);
    do {
      const attribute = group.enter(TAG.sequence);
      const id = attribute.oid();
      const text = textOf(attribute.next());
      attribute.end();
      if (count < MAX_ATTRIBUTES) found.set(id, [...(found.get(id) ?? []), text]);
    } while (!group.isAtEnd);
  }
  const parts = PARTS.map(([id, part]) => {
    const values = found.get(id) ?? [];
    return [part, values.length === 1 ? values[0] : undefined] as const;
  });
  return { der: value.whole, parts: Object.fromEntries(parts) };
}

/** Undefined for a string of a kind that clusters do not use. */
function textOf({ tag, contents }: DerValue): string | undefined {
  if (tag === TAG.printableString || tag === TAG.ia5String) return contents.toString("latin1");
  if (tag !== TAG.utf8String) return undefined;
  const text = contents.toString("utf8");
  return Buffer.from(text, "utf8").equals(contents) ? text : undefined;
}

/** What can be wrong with the bytes of a DNS message, or with a message that is to become bytes. */
export type DnsFormatCode =
  /** The bytes end before the field does. */
  | "short"
  /** A compression pointer that does not point backwards, or too many of them. */
  | "pointer"
  /** A label type that is neither a label nor a pointer. */
  | "label-type"
  /** A label over 63 bytes, or an empty one. */
  | "label-length"
  /** A name over 255 bytes. */
  | "name-length"
  /** Bad escape in a name's text. */
  | "escape"
  /** Record data that does not fill exactly its length. */
  | "data-length"
  /** A second OPT record, or one that does not belong to the root. */
  | "opt"
  /** Bytes behind the last record. */
  | "trailing"
  /** A value that its field cannot hold. */
  | "range";

/** The only error of the readers and writers of this folder. */
export class DnsFormatError extends Error {
  override readonly name = "DnsFormatError";
  constructor(
    readonly code: DnsFormatCode,
    /** Where in the message, bytes from its start. */
    readonly offset: number,
    detail: string,
  ) {
    super(`DNS message, byte ${offset}: ${detail}`);
  }
}

/**
 * The comment in an object's user data, as nft(8) stores and shows it:
 *
 * ```
 * type u8 (0: comment) | length u8 | text, NUL-terminated
 * ```
 * Source: libnftnl udata.h.
 */
import { USERDATA_MAX_BYTES } from "./constants.js";

const UDATA_RULE_COMMENT = 0;
/** nft(8) itself takes no longer one. */
export const COMMENT_MAX_BYTES = 128;

/** @throws RangeError for a comment over 128 bytes */
export function encodeComment(comment: string): Buffer {
  const text = Buffer.from(`${comment}\0`);
  if (text.length > COMMENT_MAX_BYTES) {
    throw new RangeError(`a comment of ${text.length - 1} bytes: ${COMMENT_MAX_BYTES - 1} at most`);
  }
  return Buffer.concat([Buffer.from([UDATA_RULE_COMMENT, text.length]), text]);
}

/** @returns the comment, or undefined when the user data holds none or is not of this form */
export function decodeComment(userdata: Uint8Array | undefined): string | undefined {
  if (!userdata || userdata.length > USERDATA_MAX_BYTES) return undefined;
  for (let at = 0; at + 2 <= userdata.length; ) {
    const length = userdata[at + 1]!;
    if (at + 2 + length > userdata.length) return undefined;
    if (userdata[at] === UDATA_RULE_COMMENT) {
      const text = Buffer.from(userdata.subarray(at + 2, at + 2 + length)).toString("utf8");
      return text.endsWith("\0") ? text.slice(0, -1) : text;
    }
    at += 2 + length;
  }
  return undefined;
}

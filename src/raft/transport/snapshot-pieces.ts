/** A snapshot's parts, cut and put together to pieces of one size: few messages, and none too large. */

/** @returns pieces as lists of views; all of them together are the chunks; all but the last have `pieceBytes` */
export async function* snapshotPieces(
  chunks: AsyncIterable<Uint8Array>,
  pieceBytes: number,
): AsyncGenerator<readonly Uint8Array[], void, undefined> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    let rest = chunk;
    while (bytes + rest.length >= pieceBytes) {
      const taken = pieceBytes - bytes;
      parts.push(rest.subarray(0, taken));
      yield parts;
      parts = [];
      bytes = 0;
      rest = rest.subarray(taken);
    }
    if (rest.length === 0) continue;
    parts.push(rest);
    bytes += rest.length;
  }
  if (bytes > 0) yield parts;
}

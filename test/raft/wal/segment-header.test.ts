import test from "ava";
import {
  encodeHeader,
  openHeader,
  parseHeader,
  type SealedHeader,
  segmentKey,
} from "../../../src/raft/wal/segment-header.js";
import { makeDataKey } from "../../../src/security/at-rest/key-ring.js";
import { hardState } from "../storage/log-contents.js";

const dataKey = makeDataKey();
const salt = Buffer.alloc(16, 3);
const key = segmentKey(dataKey, salt, 7);
const state = {
  previous: { sequence: 6, records: 12, endOffset: 12_345, digest: Buffer.alloc(32, 9) },
  hardState: hardState(3, 41, "17"),
  identity: Buffer.from("member"),
  lastIndex: 41,
  kept: { snapshot: { index: 30, term: 2 }, firstSequence: 4 },
};

test("what a header says comes back, with an identity, an empty one and none", (t) => {
  for (const identity of [state.identity, Buffer.alloc(0), undefined, Buffer.alloc(5000, 1)]) {
    const { bytes } = encodeHeader(7, salt, dataKey.id, key, { ...state, identity });
    t.is(bytes.length % 512, 0);
    const header = parseHeader(Buffer.concat([bytes, Buffer.alloc(1000)])) as SealedHeader;
    t.is(header.sequence, 7);
    t.is(header.keyId, dataKey.id);
    t.is(header.recordsOffset, bytes.length);
    t.deepEqual(openHeader(header, key), { ...state, identity });
  }
});

test("a header that changed in any bit that counts, or was cut, is refused", (t) => {
  const { bytes, covered } = encodeHeader(7, salt, dataKey.id, key, state);
  for (let at = 0; at < covered.length + 4; at++) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 4;
    t.is(typeof parseHeader(changed), "string", `offset ${at}`);
  }
  for (const length of [0, 10, 60, 200]) t.is(typeof parseHeader(bytes.subarray(0, length)), "string");
});

test("another key, or the key of another segment, does not open it", (t) => {
  const header = parseHeader(encodeHeader(7, salt, dataKey.id, key, state).bytes) as SealedHeader;
  t.is(openHeader(header, segmentKey(dataKey, salt, 8)), undefined);
  t.is(openHeader(header, segmentKey(makeDataKey(), salt, 7)), undefined);
});

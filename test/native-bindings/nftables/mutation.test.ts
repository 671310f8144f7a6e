import { readFileSync } from "node:fs";
import test from "ava";
import fc from "fast-check";
import { NetlinkFormatError } from "../../../native-bindings/netlink/errors.js";
import { type NetlinkMessage, parseMessages } from "../../../native-bindings/netlink/message-reader.js";
import { decodeComment } from "../../../native-bindings/nftables/comment.js";
import * as nft from "../../../native-bindings/nftables/constants.js";
import {
  parseChain,
  parseElements,
  parseGeneration,
  parseRule,
  parseSet,
  parseTable,
} from "../../../native-bindings/nftables/object-reader.js";

const { cases, dumps } = JSON.parse(
  readFileSync(new URL("../../../../test/data/nftables/captures.json", import.meta.url), "utf8"),
) as { cases: { request_hex: string }[]; dumps: Record<string, string[]> };

const ORIGINALS = [...cases.map((item) => item.request_hex), ...Object.values(dumps).flat()].map((text) =>
  Buffer.from(text, "hex"),
);

const PARSERS: Readonly<Record<number, (message: NetlinkMessage) => unknown>> = {
  [nft.NFT_MSG_NEWTABLE]: parseTable,
  [nft.NFT_MSG_NEWCHAIN]: parseChain,
  [nft.NFT_MSG_NEWRULE]: (message) => decodeComment(parseRule(message).userdata),
  [nft.NFT_MSG_NEWSET]: parseSet,
  [nft.NFT_MSG_NEWSETELEM]: (message) => parseElements(message),
  [nft.NFT_MSG_NEWGEN]: parseGeneration,
};

test("100,000 mutated messages end in an object or a NetlinkFormatError", (t) => {
  const MUTANTS = 100_000;
  const random = randomNumbers(0x7f4a7c15);
  let refused = 0;
  for (let round = 0; round < MUTANTS; round++) {
    const mutant = mutate(ORIGINALS[random(ORIGINALS.length)]!, random);
    try {
      for (const message of parseMessages(mutant)) PARSERS[message.type & 0xff]?.(message);
    } catch (error) {
      if (!(error instanceof NetlinkFormatError)) {
        t.fail(`mutant ${mutant.toString("hex")}: ${String(error)}`);
        return;
      }
      refused++;
    }
  }
  t.true(refused > MUTANTS / 10 && refused < MUTANTS, `${refused} refused`);
});

test("any bytes as the payload of any object", (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(...Object.values(PARSERS)), (bytes, parse) => {
      try {
        parse({ type: 0, flags: 0, sequence: 0, portId: 0, payload: Buffer.from(bytes) });
      } catch (error) {
        return error instanceof NetlinkFormatError;
      }
      return true;
    }),
    { numRuns: 5000 },
  );
  t.pass();
});

/** Flips bytes, sets 16-bit lengths to odd values, cuts the end, or copies one part over another; one to four times. */
function mutate(original: Buffer, random: (below: number) => number): Buffer {
  let bytes: Buffer = Buffer.from(original);
  for (let times = 1 + random(4); times > 0 && bytes.length > 4; times--) {
    const at = random(bytes.length);
    switch (random(4)) {
      case 0:
        bytes[at] = random(256);
        break;
      case 1:
        if (at + 2 <= bytes.length) bytes.writeUInt16LE([0, 1, 3, 4, 5, 0xffff, 0x7fff][random(7)]!, at);
        break;
      case 2:
        bytes = bytes.subarray(0, at);
        break;
      default:
        bytes.copyWithin(at, random(bytes.length), random(bytes.length));
    }
  }
  return bytes;
}

/** A xorshift generator: the same mutants in every run. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

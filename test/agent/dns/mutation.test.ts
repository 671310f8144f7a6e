import test from "ava";
import fc from "fast-check";
import { DnsFormatError } from "../../../src/agent/dns/format-error.js";
import { parseMessage } from "../../../src/agent/dns/message-reader.js";
import { encodeMessage } from "../../../src/agent/dns/message-writer.js";
import { isBadQuery, readQuery } from "../../../src/agent/dns/query.js";
import { decide } from "../../../src/agent/dns/resolver.js";
import { readUpstreamAnswer } from "../../../src/agent/dns/upstream-message.js";
import { anyMessage } from "./arbitraries.js";
import { firstOf, query, shopNames } from "./sandbox.js";

const MUTANTS = 100_000;

test("100,000 mutated messages end in a message or a DnsFormatError, and never upset the resolver", (t) => {
  const originals = fc.sample(anyMessage, { numRuns: 300, seed: 20 }).map(encodeMessage);
  originals.push(
    query("web"),
    query("4.1.0.10.in-addr.arpa", { type: 12 }),
    query("example.com", { udpSizeBytes: 1232 }),
  );
  const random = randomNumbers(0x2545f491);
  const names = shopNames();
  const asked = readQuery(query("example.com"));
  if (isBadQuery(asked)) throw new Error("the question itself is bad");
  let refused = 0;
  for (let round = 0; round < MUTANTS; round++) {
    const mutant = mutate(originals[random(originals.length)]!, random);
    try {
      parseMessage(mutant);
    } catch (error) {
      if (!(error instanceof DnsFormatError)) {
        t.fail(`mutant ${mutant.toString("hex")}: ${String(error)}`);
        return;
      }
      refused++;
    }
    readUpstreamAnswer(mutant, asked, mutant.length > 1 ? mutant.readUInt16BE(0) : 0);
    const decision = decide(mutant, "udp", names, firstOf);
    if (decision.kind === "answer" || decision.kind === "refuse") parseMessage(decision.response);
  }
  t.true(refused > MUTANTS / 10 && refused < MUTANTS, `${refused} refused`);
});

test("any bytes behind a sound header", (t) => {
  const property = fc.property(fc.uint8Array({ maxLength: 300 }), fc.integer({ min: 0, max: 3 }), (tail, count) => {
    const bytes = Buffer.concat([Buffer.of(0, 1, 1, 0, 0, 1, 0, count, 0, count, 0, count), tail]);
    readQuery(bytes);
    try {
      parseMessage(bytes);
    } catch (error) {
      return error instanceof DnsFormatError;
    }
    return true;
  });
  t.notThrows(() => fc.assert(property, { numRuns: 20_000 }));
});

/** Flips bytes, sets counts and lengths to odd values, cuts the end, or copies one part over another; one to four times. */
function mutate(original: Buffer, random: (below: number) => number): Buffer {
  let bytes: Buffer = Buffer.from(original);
  for (let times = 1 + random(4); times > 0 && bytes.length > 4; times--) {
    const at = random(bytes.length);
    switch (random(4)) {
      case 0:
        bytes[at] = random(256);
        break;
      case 1:
        if (at + 2 <= bytes.length)
          bytes.writeUInt16BE([0, 1, 41, 0xc00c, 0xc000 + random(300), 0xffff][random(6)]!, at);
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

import test from "ava";
import fc from "fast-check";
import {
  type GenericFamily,
  parseFamily,
  writeGetFamily,
  writeNewFamily,
} from "../../../native-bindings/generic/family.js";
import { findFamily, GenericSocket } from "../../../native-bindings/generic/socket.js";
import { NetlinkFormatError } from "../../../native-bindings/netlink/errors.js";
import { MessageWriter } from "../../../native-bindings/netlink/message-writer.js";

const u32 = fc.integer({ min: 0, max: 0xffffffff });
const name = fc.string({
  minLength: 1,
  maxLength: 15,
  unit: fc.constantFrom(..."abcdefghijklmnopqrstuvwxyz_0123456789"),
});
const family: fc.Arbitrary<GenericFamily> = fc.record({
  id: fc.integer({ min: 0, max: 0xffff }),
  name,
  version: u32,
  headerBytes: u32,
  maxAttribute: u32,
  operations: fc.array(fc.record({ command: u32, flags: u32 }), { maxLength: 8 }),
  multicastGroups: fc.array(fc.record({ name, id: u32 }), { maxLength: 4 }),
});

function encode(value: GenericFamily): Buffer {
  const writer = new MessageWriter();
  writeNewFamily(writer, value);
  return Buffer.from(writer.bytes().subarray(16));
}

test("the request for a family is ipvsadm's, byte for byte", (t) => {
  const writer = new MessageWriter();
  writeGetFamily(writer, "IPVS");
  const request = Buffer.from(writer.bytes());
  request.writeUInt16LE(5, 6);
  t.is(request.toString("hex"), "2000000010000500000000000000000003010000090002004950565300000000");
});

test("a family name that does not fit its field is refused", (t) => {
  t.throws(() => writeGetFamily(new MessageWriter(), "sixteen-bytes-xx"), { instanceOf: RangeError });
});

test("a family survives the wire", (t) => {
  fc.assert(fc.property(family, (value) => t.deepEqual(parseFamily(encode(value)), value)));
  t.pass();
});

test("mutated answers of the controller are parsed or refused as malformed, nothing else", (t) => {
  let refused = 0;
  fc.assert(
    fc.property(
      family,
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 20, maxLength: 20 }),
      (value, mutations) => {
        const bytes = encode(value);
        for (const [at, byte] of mutations) {
          const mutated = Buffer.from(bytes);
          mutated[at % bytes.length] = byte;
          try {
            parseFamily(mutated);
          } catch (error) {
            if (!(error instanceof NetlinkFormatError)) throw error;
            refused++;
          }
        }
      },
    ),
    { numRuns: 500 },
  );
  t.true(refused > 0);
});

test("the controller describes itself, and says undefined for what no kernel has", (t) => {
  using socket = GenericSocket.open("nlctrl");
  t.is(socket?.family.id, 0x10);
  t.true((socket?.family.multicastGroups ?? []).some((group) => group.name === "notify"));
  t.is(findFamily(socket!.netlink, "tsw-no-such"), undefined);
  t.is(GenericSocket.open("tsw-no-such"), undefined);
});

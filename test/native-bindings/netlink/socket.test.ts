import test from "ava";
import {
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_MULTI,
  NLM_F_REQUEST,
  NLMSG_OVERRUN,
} from "../../../native-bindings/netlink/constants.js";
import {
  NetlinkError,
  NetlinkFormatError,
  NetlinkOverrunError,
  NetlinkTransportError,
} from "../../../native-bindings/netlink/errors.js";
import { MessageWriter } from "../../../native-bindings/netlink/message-writer.js";
import { NetlinkSocket } from "../../../native-bindings/netlink/socket.js";
import { acknowledge, acknowledgement, datagram, done, ScriptedKernel } from "./scripted-kernel.js";

const TYPE = 30;
const ask = (writer: MessageWriter) => void writer.begin(TYPE, 0).u32(1).end();
const item = (sequence: number, value: number, flags = NLM_F_MULTI) =>
  datagram(TYPE, flags, sequence, Buffer.from([value, 0, 0, 0]));

test("a dump that was interrupted is asked for again, and only the whole one counts", (t) => {
  const kernel = new ScriptedKernel(([request], send) => {
    const { sequence } = request!;
    return send < 2
      ? [item(sequence, 1), item(sequence, 2, NLM_F_MULTI | NLM_F_DUMP_INTR), done(sequence)]
      : [item(sequence, 3), done(sequence)];
  });
  const messages = new NetlinkSocket(kernel).dump("list", ask);
  t.deepEqual(
    messages.map((message) => message.payload[0]),
    [3],
  );
  t.deepEqual(
    kernel.received.map(({ sequence, flags }) => [sequence, flags]),
    [1, 2, 3].map((sequence) => [sequence, NLM_F_REQUEST | NLM_F_DUMP]),
  );
});

test("a mark of interruption on the last message counts too", (t) => {
  const kernel = new ScriptedKernel(([request], send) => [
    item(request!.sequence, send),
    done(request!.sequence, send === 0 ? NLM_F_MULTI | NLM_F_DUMP_INTR : NLM_F_MULTI),
  ]);
  t.is(new NetlinkSocket(kernel).dump("list", ask)[0]?.payload[0], 1);
});

test("a dump that is always interrupted ends in an error", (t) => {
  const kernel = new ScriptedKernel(([request]) => [done(request!.sequence, NLM_F_MULTI | NLM_F_DUMP_INTR)]);
  t.throws(() => new NetlinkSocket(kernel).dump("list links", ask), {
    instanceOf: NetlinkTransportError,
    message: "list links: interrupted by changes 16 times",
  });
  t.is(kernel.sends.length, 16);
});

test("the error of a dump's end is the kernel's", (t) => {
  const kernel = new ScriptedKernel(([request]) => [done(request!.sequence, NLM_F_MULTI, 19)]);
  const error = t.throws(() => new NetlinkSocket(kernel).dump("list links", ask), { instanceOf: NetlinkError });
  t.is(error.code, "ENODEV");
});

test("answers to others are passed over", (t) => {
  const kernel = new ScriptedKernel(([request]) => [
    item(request!.sequence - 1, 9),
    done(request!.sequence - 1),
    item(request!.sequence, 1),
    done(request!.sequence),
  ]);
  t.is(new NetlinkSocket(kernel).dump("list", ask).length, 1);
});

test("a dump with a malformed message is read to its end, so that the next one is not refused as busy", (t) => {
  const kernel = new ScriptedKernel(([request], send) =>
    send === 0
      ? [Buffer.from([1, 0, 0, 0]), item(request!.sequence, 1), done(request!.sequence)]
      : [item(request!.sequence, 2), done(request!.sequence)],
  );
  const socket = new NetlinkSocket(kernel);
  t.throws(() => socket.dump("list", ask), { instanceOf: NetlinkFormatError });
  t.is(kernel.unread, 0);
  t.is(socket.dump("list", ask)[0]?.payload[0], 2);
});

test("a lost answer is an overrun, not an empty dump", (t) => {
  const lost = new ScriptedKernel(() => [new NetlinkOverrunError("full")]);
  t.throws(() => new NetlinkSocket(lost).dump("list", ask), { instanceOf: NetlinkOverrunError });
  const told = new ScriptedKernel(([request]) => [datagram(NLMSG_OVERRUN, 0, request!.sequence, Buffer.alloc(4))]);
  t.throws(() => new NetlinkSocket(told).dump("list", ask), { instanceOf: NetlinkOverrunError });
});

test("a request returns the messages before its acknowledgement, as copies", (t) => {
  const kernel = new ScriptedKernel(([request]) => [
    item(request!.sequence, 5, 0),
    acknowledgement(request!.sequence, 0),
  ]);
  const socket = new NetlinkSocket(kernel);
  const [first] = socket.request("get", ask);
  socket.request("get", ask);
  t.is(first?.payload[0], 5);
  t.is(kernel.received[0]?.flags, NLM_F_REQUEST | NLM_F_ACK);
  t.is(kernel.received[0]?.portId, 77);
});

test("a request that is refused says what was asked", (t) => {
  const kernel = new ScriptedKernel(([request]) => [acknowledgement(request!.sequence, 17)]);
  t.throws(() => new NetlinkSocket(kernel).request("add link br0", ask), {
    instanceOf: NetlinkError,
    message: /^add link br0: .*\(EEXIST\)$/,
  });
});

test("a wait cut short by a signal goes on", (t) => {
  let waits = 0;
  let sequence = 0;
  const patient = new NetlinkSocket({
    fd: -1,
    portId: 1,
    send(bytes) {
      sequence = bytes.readUInt32LE(8);
    },
    receive: (into) => (waits < 3 ? undefined : acknowledgement(sequence, 0).copy(into)),
    wait: () => ++waits === 0,
    close: () => undefined,
  });
  t.deepEqual(patient.request("get", ask), []);
  t.is(waits, 3);
});

test("a datagram larger than the buffer is not read as a part", (t) => {
  const socket = new NetlinkSocket({
    fd: -1,
    portId: 1,
    send: () => undefined,
    receive: () => 1024 * 1024,
    wait: () => true,
    close: () => undefined,
  });
  t.throws(() => socket.request("get", ask), { instanceOf: NetlinkTransportError, message: /1048576 bytes/ });
});

test("a batch of 1,000 with one refused in the middle: the others are sent, the refused one is named", (t) => {
  const kernel = new ScriptedKernel((messages, send) =>
    acknowledge(messages, (index) => (send * 200 + index === 517 ? 2 : 0)),
  );
  const writer = new MessageWriter();
  for (let count = 0; count < 1000; count++) ask(writer);
  const failures = new NetlinkSocket(kernel).batch(writer, (index) => `operation ${index}`);
  t.deepEqual([...failures.keys()], [517]);
  t.is(failures.get(517)?.operation, "operation 517");
  t.is(failures.get(517)?.code, "ENOENT");
  t.deepEqual(kernel.sends, [200, 200, 200, 200, 200]);
  t.is(kernel.waits, 0);
});

test("a batch may be refused as a whole, its last message included", (t) => {
  const kernel = new ScriptedKernel((messages) => acknowledge(messages, () => 1));
  const writer = new MessageWriter();
  for (let count = 0; count < 250; count++) ask(writer);
  const failures = new NetlinkSocket(kernel).batch(writer, String);
  t.is(failures.size, 250);
  t.is(kernel.unread, 0);
});

test("large messages make smaller batches", (t) => {
  const kernel = new ScriptedKernel((messages) => acknowledge(messages, () => 0));
  const writer = new MessageWriter();
  for (let count = 0; count < 5; count++) writer.begin(TYPE, 0).zeroes(60_000).end();
  t.is(new NetlinkSocket(kernel).batch(writer, String).size, 0);
  t.deepEqual(kernel.sends, [2, 2, 1]);
});

test("an empty batch is not sent", (t) => {
  const kernel = new ScriptedKernel(() => []);
  t.is(new NetlinkSocket(kernel).batch(new MessageWriter(), String).size, 0);
  t.deepEqual(kernel.sends, []);
});

test("a transaction reports by position, and answers to others do not count", (t) => {
  const kernel = new ScriptedKernel((messages) => [
    acknowledgement(messages[0]!.sequence - 1, 1),
    acknowledgement(messages[1]!.sequence, 2),
  ]);
  const writer = new MessageWriter();
  for (let count = 0; count < 3; count++) ask(writer);
  const failures = new NetlinkSocket(kernel).transaction(writer, (index) => `part ${index}`);
  t.deepEqual(
    [...failures].map(([index, error]) => [index, error.operation]),
    [[1, "part 1"]],
  );
});

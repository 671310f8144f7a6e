/** How either side knows that the other is there, with a clock that stands still until a test moves it. */
import { Metadata, type ServerDuplexStream } from "@grpc/grpc-js";
import test from "ava";
import { RaftBatch, type RaftBatchReceipt, RaftTransportService } from "../../../src/api/generated/tswarm/v1/raft.js";
import { batchHead } from "../../../src/raft/transport/batch-writer.js";
import { DEFAULT_LIMITS, RECEIPT_INTERVAL_MS } from "../../../src/raft/transport/limits.js";
import { MessageStream, type StreamEnd } from "../../../src/raft/transport/message-stream.js";
import { Outbox } from "../../../src/raft/transport/outbox.js";
import { RaftServices } from "../../../src/raft/transport/raft-services.js";
import { ManualClock } from "../../manager/manual-clock.js";
import { openClient, serve, startMember, until } from "./members.js";
import { app, heartbeat } from "./messages.js";

test("a stream lives as long as receipts come for what is sent, and no longer", async (t) => {
  const clock = new ManualClock();
  let received = 0;
  let isSilent = false;
  const address = await serve(t, {
    definition: RaftTransportService,
    implementation: {
      messages(call: ServerDuplexStream<RaftBatch, RaftBatchReceipt>) {
        call.write({ batches: 0 });
        call.on("data", () => {
          received++;
          if (!isSilent) call.write({ batches: received });
        });
      },
      snapshot: () => {},
    },
  });
  const outbox = new Outbox(DEFAULT_LIMITS);
  const ends: StreamEnd[] = [];
  const stream = new MessageStream(
    {
      client: openClient(t, address),
      head: batchHead("1", ""),
      outbox,
      limits: DEFAULT_LIMITS,
      clock,
    },
    { opened: () => {}, drained: () => {}, ended: (end) => ends.push(end) },
  );
  await until(() => stream.isOpen);
  // Nothing is out: nothing is expected.
  clock.advance(DEFAULT_LIMITS.connectTimeoutMs + DEFAULT_LIMITS.receiptTimeoutMs);
  for (let index = 1; index <= 5; index++) {
    outbox.push(app("1", "2", index));
    stream.flush();
    await until(() => received === index && stream.batchesOut === 0);
    clock.advance(DEFAULT_LIMITS.receiptTimeoutMs);
  }
  t.deepEqual(ends, []);
  t.is(clock.pending, 0);
  isSilent = true;
  outbox.push(app("1", "2", 6));
  stream.flush();
  await until(() => received === 6);
  clock.advance(DEFAULT_LIMITS.receiptTimeoutMs - 1);
  t.deepEqual(ends, []);
  clock.advance(1);
  t.like(ends, [{ details: "no receipt within 2000 ms" }]);
  t.is(clock.pending, 0);
});

test("a receiver greets, says how many batches it has once in an interval, and nothing when none come", async (t) => {
  const clock = new ManualClock();
  const { handler, told } = await startMember(t, "2");
  const heard: string[] = [];
  const services = new RaftServices({
    resolveAddress: () => undefined,
    heardOf: (id) => heard.push(id),
    log: (line) => t.log(line),
    clock,
  });
  services.setHandler(handler);
  const { path, requestSerialize, responseDeserialize } = RaftTransportService.messages;
  const stream = openClient(t, await serve(t, services.transport)).makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    new Metadata(),
  );
  const receipts: number[] = [];
  stream.on("data", ({ batches }: RaftBatchReceipt) => receipts.push(batches));
  stream.on("error", (error) => t.log(error.message));
  await until(() => receipts.length === 1);
  t.is(clock.pending, 0);
  for (let i = 0; i < 3; i++) {
    stream.write(RaftBatch.create({ from: "1", address: "", messages: [heartbeat("1", "2")] }));
  }
  await until(() => told.received.length === 3);
  clock.advance(RECEIPT_INTERVAL_MS);
  await until(() => receipts.length === 2);
  t.deepEqual(receipts, [0, 3]);
  t.deepEqual(heard, ["1"]);
  t.is(clock.pending, 0);
  stream.cancel();
});

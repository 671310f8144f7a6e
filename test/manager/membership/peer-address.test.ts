import { status } from "@grpc/grpc-js";
import test from "ava";
import { peerAddress } from "../../../src/manager/membership/peer-address.js";

test("a manager that listens everywhere is reached where its call came from", (t) => {
  t.is(peerAddress("10.0.0.1:4242", "10.0.0.9:5000"), "10.0.0.1:4242");
  t.is(peerAddress("0.0.0.0:4242", "10.0.0.9:5000"), "10.0.0.9:4242");
  t.is(peerAddress(":4242", "[::ffff:10.0.0.9]:5000"), "10.0.0.9:4242");
  t.is(peerAddress("[::]:4242", "[fd00::9]:5000"), "[fd00::9]:4242");
});

test("what is no address is refused", (t) => {
  for (const [asked, peer] of [
    ["", "10.0.0.9:1"],
    ["host", "10.0.0.9:1"],
    ["host:0", "10.0.0.9:1"],
    ["host:70000", "10.0.0.9:1"],
    ["0.0.0.0:4242", "/run/socket"],
  ] as const) {
    t.like(
      t.throws(() => peerAddress(asked, peer), undefined, asked),
      { code: status.INVALID_ARGUMENT },
    );
  }
});

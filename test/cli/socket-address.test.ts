import test from "ava";
import { UsageError } from "../../src/cli/failure.js";
import { formatSocketAddress, parseSocketAddress } from "../../src/cli/socket-address.js";

const rows: readonly (readonly [string, string])[] = [
  ["/run/x.sock", "/run/x.sock"],
  ["./x.sock", "./x.sock"],
  ["unix:///run/x.sock", "/run/x.sock"],
  ["unix:/run/x.sock", "/run/x.sock"],
  ["host1:4242", "host1:4242"],
  ["tcp://10.0.0.1:4242", "10.0.0.1:4242"],
  ["[::1]:4242", "[::1]:4242"],
];

for (const [text, written] of rows) {
  test(`${text} is an address`, (t) => {
    const address = parseSocketAddress(text, "--socket");
    t.is(formatSocketAddress(address), written);
  });
}

for (const text of [
  "",
  "x.sock",
  "host1",
  "host1:",
  "host1:0",
  "host1:65536",
  "[::x]:1",
  "tcp://host1",
  "unix:",
  `/${"x".repeat(107)}`,
]) {
  test(`"${text.slice(0, 20)}" is no address`, (t) => {
    t.throws(() => parseSocketAddress(text, "--socket"), { instanceOf: UsageError, message: /^--socket: / });
  });
}

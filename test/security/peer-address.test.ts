import test from "ava";
import { addressOf } from "../../src/security/peer-address.js";

for (const [peer, expected] of [
  ["10.0.0.1", "10.0.0.1"],
  ["10.0.0.1:53210", "10.0.0.1"],
  ["::ffff:10.0.0.1", "10.0.0.1"],
  ["::ffff:10.0.0.1:53210", "10.0.0.1"],
  ["[::ffff:10.0.0.1]:53210", "10.0.0.1"],
  ["[2001:db8:1:2:3:4:5:6]:53210", "2001:db8:1:2::/64"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8:1:2:3:4:5:6:53210", "2001:db8:1:2::/64"],
  ["2001:DB8:0001:2::6", "2001:db8:1:2::/64"],
  ["2001:db8::6:53210", "2001:db8:0:0::/64"],
  ["fe80::1%eth0", "fe80:0:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
  ["/run/tswarm/manager/swarmd.sock", "/run/tswarm/manager/swarmd.sock"],
  ["unknown", "unknown"],
  ["", ""],
] as const) {
  test(`limits of "${peer}" are counted for "${expected}"`, (t) => {
    t.is(addressOf(peer), expected);
  });
}

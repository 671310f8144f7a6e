import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { parseNameServers, ResolvConfFile } from "../../../src/agent/dns/resolv-conf.js";

test("name servers of a file: the first three, each once", (t) => {
  const text = [
    "# nameserver 192.0.2.9",
    "search example.com",
    "nameserver 127.0.0.53",
    "  nameserver\t192.0.2.1  # the office",
    "nameserver 127.0.0.53",
    "nameserver dns.example.com",
    "nameserver",
    "nameserver fe80::1%eth0",
    "nameserver 192.0.2.2",
    "options edns0",
  ].join("\n");
  t.deepEqual(
    parseNameServers(text).map((server) => server.address),
    ["127.0.0.53", "192.0.2.1", "fe80::1%eth0"],
  );
});

test("a change of the file is seen within a second, a missing file means no server", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tswarm-dns-"));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "resolv.conf");
  let now = 0;
  const file = new ResolvConfFile(path, () => now);
  const look = () => file.servers().map((server) => server.address);
  t.deepEqual(look(), []);
  writeFileSync(path, "nameserver 192.0.2.1\n");
  t.deepEqual(look(), []);
  now += 1000;
  t.deepEqual(look(), ["192.0.2.1"]);
  rmSync(path);
  writeFileSync(path, "nameserver 192.0.2.2\n");
  now += 999;
  t.deepEqual(look(), ["192.0.2.1"]);
  now += 1;
  t.deepEqual(look(), ["192.0.2.2"]);
});

import { writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import fc from "fast-check";
import { UsageError } from "../../src/cli/failure.js";
import { parseAddressIn, parseCidr, parseHost, parseSubnet } from "../../src/cli/values/address.js";
import {
  formatCpus,
  formatSize,
  oneOf,
  parseCpus,
  parseMemory,
  parseRatio,
  parseSize,
  parseWhole,
} from "../../src/cli/values/amount.js";
import { durationMs, formatDuration, formatMeasured, parseDuration } from "../../src/cli/values/duration.js";
import { parseNetworkFlag } from "../../src/cli/values/network-attachment.js";
import { parseEnv, parseLabels, readEnvFile } from "../../src/cli/values/pair.js";
import { formatPort, parsePortSelector, parsePublish, refuseDuplicatePorts } from "../../src/cli/values/port.js";
import {
  parseConstraint,
  parseDirectory,
  parseHostname,
  parseName,
  parseSignal,
  parseSpread,
  parseUser,
} from "../../src/cli/values/text.js";

/** A table of accepted texts with what they come to, and of refused ones. */
function accepts<T>(
  title: string,
  parse: (text: string, flag: string) => T,
  rows: readonly (readonly [string, T])[],
  refused: readonly string[],
): void {
  test(title, (t) => {
    for (const [text, value] of rows) t.deepEqual(parse(text, "--flag"), value, text);
    for (const text of refused) {
      const error = t.throws(() => parse(text, "--flag"), { instanceOf: UsageError }, `accepted "${text}"`);
      t.is(error?.exitCode, 2);
      t.true(error?.message.startsWith("--flag"), error?.message);
      t.false(error?.message.includes("\n"));
    }
  });
}

const span = (seconds: number, nanos = 0) => ({ seconds, nanos });

accepts(
  "durations are Go's",
  parseDuration,
  [
    ["0", span(0)],
    ["0s", span(0)],
    ["10s", span(10)],
    ["1m30s", span(90)],
    ["1.5h", span(5400)],
    ["500ms", span(0, 500_000_000)],
    [".5s", span(0, 500_000_000)],
    ["1.s", span(1)],
    ["1us", span(0, 1000)],
    ["1µs", span(0, 1000)],
    ["2h45m0.000000001s", span(9900, 1)],
  ],
  ["", "10", "s", ".s", "10 s", "-1s", "+1s", "1d", "1m30", "1e3s", "9999999999h", "ten"],
);

test("a duration that is written is read back", (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 9 }), fc.integer({ min: 0, max: 999_999_999 }), (seconds, nanos) => {
      t.deepEqual(parseDuration(formatDuration({ seconds, nanos }), "--flag"), { seconds, nanos });
    }),
  );
});

test("durations in milliseconds round up: a limit is never cut to nothing", (t) => {
  t.is(durationMs(span(1, 1)), 1001);
  t.is(formatDuration(span(0)), "0s");
  t.is(formatDuration(span(0, 1_500_000)), "1.5ms");
  t.is(formatDuration(span(3600)), "1h");
});

test("what was measured has three digits", (t) => {
  const span = (seconds: number, nanos = 0) => ({ seconds, nanos });
  t.is(formatMeasured(span(0)), "0ms");
  t.is(formatMeasured(span(0, 173_456)), "173µs");
  t.is(formatMeasured(span(0, 3_887_758)), "3.89ms");
  t.is(formatMeasured(span(0, 112_345_678)), "112ms");
  t.is(formatMeasured(span(1, 23_456_789)), "1.02s");
});

accepts(
  "sizes are powers of 1024",
  parseSize,
  [
    ["0", 0],
    ["512", 512],
    ["64M", 64 * 1024 ** 2],
    ["64m", 64 * 1024 ** 2],
    ["64MB", 64 * 1024 ** 2],
    ["64MiB", 64 * 1024 ** 2],
    ["1.5g", 1.5 * 1024 ** 3],
    ["1t", 1024 ** 4],
    ["10b", 10],
  ],
  ["", "M", "-1M", "12q", "1,5g", "1 0M", "9999999t", "0x10"],
);

accepts("memory has a lower bound", parseMemory, [["4M", 4 * 1024 ** 2]], ["4095k", "0", "1"]);

accepts(
  "CPUs are counted in billionths",
  parseCpus,
  [
    ["0.5", 5e8],
    ["2", 2e9],
    [".25", 2.5e8],
    ["0.001", 1e6],
  ],
  ["", "0", "0.0009", "-1", "half", "1e3", "0.1234567891", "99999999999999"],
);

accepts(
  "whole numbers",
  parseWhole,
  [
    ["0", 0],
    ["7", 7],
  ],
  ["", "-1", "1.5", "1e3", " 1", "99999999999999999999"],
);

accepts(
  "ratios lie between 0 and 1",
  parseRatio,
  [
    ["0", 0],
    ["0.25", 0.25],
    ["1", 1],
  ],
  ["", "1.1", "-0.1", "NaN", "25%"],
);

test("choices name what can be chosen", (t) => {
  t.is(oneOf("vip", "dnsrr")("vip", "--endpoint-mode"), "vip");
  t.throws(() => oneOf("vip", "dnsrr")("VIP", "--endpoint-mode"), {
    message: '--endpoint-mode: "VIP" is not one of vip, dnsrr',
  });
});

const port = (publishedPort: number, targetPort: number, protocol = 0, publishMode = 0, name = "") => ({
  name,
  protocol,
  targetPort,
  publishedPort,
  publishMode,
});

accepts(
  "published ports, short and long",
  parsePublish,
  [
    ["8080:80", [port(8080, 80)]],
    ["80", [port(0, 80)]],
    ["53:53/udp", [port(53, 53, 1)]],
    ["53:53/UDP", [port(53, 53, 1)]],
    ["5000:5000/sctp", [port(5000, 5000, 2)]],
    ["8080-8082:80-82", [port(8080, 80), port(8081, 81), port(8082, 82)]],
    ["published=8080,target=80", [port(8080, 80)]],
    ["target=80", [port(0, 80)]],
    ["published=53,target=5353,protocol=udp,mode=host,name=dns", [port(53, 5353, 1, 1, "dns")]],
  ],
  [
    "",
    "x",
    "0:80",
    "8080:0",
    "65536:80",
    "8080:",
    ":80",
    "127.0.0.1:8080:80",
    "8080:80/icmp",
    "8080:80/tcp/udp",
    "8080-8081:80",
    "8082-8080:80-82",
    "published=8080",
    "target=80,target=81",
    "target=80,mode=mesh",
    "target=80,protocol=icmp",
    "target=80,port=81",
    "published=x,target=80",
    "target",
  ],
);

test("ports are written as docker writes them, and one published port is used once", (t) => {
  t.is(formatPort(port(8080, 80)), "*:8080->80/tcp");
  t.is(formatPort(port(0, 53, 1)), "53/udp");
  t.throws(() => refuseDuplicatePorts([port(80, 1), port(80, 2)], "--publish"), {
    message: "--publish: port 80/tcp is published twice",
  });
  t.notThrows(() => refuseDuplicatePorts([port(80, 1), port(80, 1, 1), port(0, 2), port(0, 3)], "--publish"));
});

accepts(
  "what to unpublish",
  parsePortSelector,
  [
    ["80", [{ targetPort: 80, protocol: 0 }]],
    ["80/udp", [{ targetPort: 80, protocol: 1 }]],
    ["8080:80", [{ publishedPort: 8080, targetPort: 80, protocol: 0 }]],
  ],
  ["", "http", "0"],
);

accepts(
  "networks with aliases",
  parseNetworkFlag,
  [
    ["shop", { network: "shop", aliases: [] }],
    ["shop,alias=a,alias=b", { network: "shop", aliases: ["a", "b"] }],
    ["name=shop,alias=a", { network: "shop", aliases: ["a"] }],
  ],
  ["", ",alias=a", "shop,ip=1", "shop,alias=", "a b", "net=shop"],
);

accepts(
  "names follow the cluster's rule",
  parseName,
  [
    ["web", "web"],
    ["a", "a"],
    ["web-1_b", "web-1_b"],
    ["x".repeat(63), "x".repeat(63)],
  ],
  ["", "-web", "web-", "we b", "wéb", "x".repeat(64), "a.b"],
);

accepts(
  "host names",
  parseHostname,
  [
    ["web", "web"],
    ["a.b-c", "a.b-c"],
    ["{{.Task.Name}}", "{{.Task.Name}}"],
  ],
  ["", "-a", "a..b", "a_b", "x".repeat(64)],
);

accepts("directories", parseDirectory, [["/srv", "/srv"]], ["", "srv", "./srv"]);

accepts(
  "users",
  parseUser,
  [
    ["root", "root"],
    ["1000:1000", "1000:1000"],
  ],
  ["", ":", "a:", "a:b:c", "a b"],
);

accepts(
  "signals",
  parseSignal,
  [
    ["SIGTERM", "SIGTERM"],
    ["term", "SIGTERM"],
    ["15", "15"],
    ["SIGRTMIN+3", "SIGRTMIN+3"],
  ],
  ["", "0", "65", "SIGNOPE", "-9"],
);

accepts(
  "constraints",
  parseConstraint,
  [
    ["node.hostname==host1", "node.hostname==host1"],
    ["node.labels.zone != b c", "node.labels.zone!=b c"],
    ["engine.labels.x==1", "engine.labels.x==1"],
    ["node.ip==10.0.0.0/8", "node.ip==10.0.0.0/8"],
  ],
  ["", "node.hostname=host1", "node.hostname==", "==x", "nodes.name==a", "node.role>=manager"],
);

accepts("spread", parseSpread, [["spread=node.labels.zone", "node.labels.zone"]], ["", "zone", "spread=node.id"]);

accepts(
  "subnets are written with host bits cleared",
  (text, flag) => parseCidr(text, flag).text,
  [
    ["10.1.0.0/24", "10.1.0.0/24"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["255.255.255.255/32", "255.255.255.255/32"],
  ],
  ["", "10.1.0.0", "10.1.0.0/33", "10.1.0.1/24", "fd00::/64", "300.0.0.0/8", "10.1.0.0/8/8", "10.1.0.0/-1"],
);

accepts(
  "subnets of both families",
  (text, flag) => parseSubnet(text, flag).text,
  [
    ["10.1.0.0/24", "10.1.0.0/24"],
    ["FD00:0:0:1::/64", "fd00:0:0:1::/64"],
    ["::/0", "::/0"],
    ["fd00::1/128", "fd00::1/128"],
  ],
  ["", "fd00::", "fd00::/129", "fd00::1/64", "fd00:::/64", "fe80::%eth0/64", "fd00::/064x", "10.1.0.0/33"],
);

test("addresses inside a subnet, and lines of /etc/hosts", (t) => {
  const subnet = parseCidr("10.1.0.0/24", "--subnet");
  t.is(parseAddressIn("10.1.0.255", "--gateway", subnet), "10.1.0.255");
  t.throws(() => parseAddressIn("10.1.1.0", "--gateway", subnet), {
    message: "--gateway: 10.1.1.0 is outside of the subnet 10.1.0.0/24",
  });
  t.is(parseHost("db:10.1.0.9", "--host"), "10.1.0.9 db");
  t.is(parseHost("db:::1", "--host"), "::1 db");
  for (const text of ["db", ":10.1.0.9", "db:x", "d b:10.1.0.9"]) {
    t.throws(() => parseHost(text, "--host"), { instanceOf: UsageError }, text);
  }
});

test("labels and environments", (t) => {
  t.deepEqual(parseLabels(["a=1", "b", "c=x=y"], "--label"), { a: "1", b: "", c: "x=y" });
  for (const texts of [["=1"], ["a=1", "a=2"], ["a b=1"]]) {
    t.throws(() => parseLabels(texts, "--label"), { instanceOf: UsageError });
  }
  t.deepEqual(parseEnv(["A=1", "B", "A=2", "C=x=y"], "--env", { B: "own" }), ["A=2", "B=own", "C=x=y"]);
  for (const texts of [["=1"], ["B"], ["A B=1"]]) {
    t.throws(() => parseEnv(texts, "--env", {}), { instanceOf: UsageError });
  }
});

test("environment files leave out comments and blank lines", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "tswarm-env-"));
  try {
    const path = join(directory, "env");
    writeFileSync(path, "# comment\n\nA=1\r\n  B=two words\n");
    t.deepEqual(readEnvFile(path, "--env-file"), ["A=1", "B=two words"]);
    t.throws(() => readEnvFile(join(directory, "none"), "--env-file"), { instanceOf: UsageError, message: /ENOENT/ });
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("amounts are written for people", (t) => {
  t.is(formatSize(64 * 1024 ** 2), "64MiB");
  t.is(formatSize(1.5 * 1024 ** 3), "1.5GiB");
  t.is(formatSize(12), "12B");
  t.is(formatCpus(5e8), "0.5");
});

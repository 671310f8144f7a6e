/** What systemd is told, over a real datagram socket. */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import test, { type ExecutionContext } from "ava";
import { notifier, watchdogMs } from "../../native-bindings/service-notifier.js";

/** A receiver of datagrams that prints each as a line of JSON. */
const RECEIVER = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\\0" + sys.argv[1][1:] if sys.argv[1].startswith("@") else sys.argv[1])
print("bound", flush=True)
while True: print(json.dumps(s.recv(4096).decode()), flush=True)
`;

async function receive(t: ExecutionContext, path: string): Promise<() => Promise<string>> {
  const child = spawn("python3", ["-c", RECEIVER, path], { stdio: ["ignore", "pipe", "inherit"] });
  t.teardown(() => child.kill());
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  t.is((await lines.next()).value, "bound");
  return async () => JSON.parse(String((await lines.next()).value)) as string;
}

function folder(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), "tsw-notify-"));
  t.teardown(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

for (const kind of ["a path", "an abstract name"]) {
  test(`ready, status, signs of life, stopping: to ${kind}`, async (t) => {
    const path = kind === "a path" ? join(folder(t), "notify") : `@tswarm-notify-${process.pid}`;
    const next = await receive(t, path);
    const told = notifier({ NOTIFY_SOCKET: path, WATCHDOG_USEC: "20000" }, t.fail);
    told.ready("waits for a cluster");
    t.is(await next(), "READY=1\nSTATUS=waits for a cluster");
    t.is(await next(), "WATCHDOG=1");
    told.close();
    told.status("manager");
    told.stopping();
    const rest: string[] = [];
    while (rest.at(-1) !== "STOPPING=1") rest.push(await next());
    t.deepEqual(
      rest.filter((line) => line !== "WATCHDOG=1"),
      ["STATUS=manager", "STOPPING=1"],
    );
  });
}

test("without systemd nothing is sent, and a socket that is gone is said once", (t) => {
  const silent = notifier({}, t.fail, () => t.fail());
  silent.ready("x");
  const lines: string[] = [];
  const gone = notifier({ NOTIFY_SOCKET: join(folder(t), "none") }, (line) => lines.push(line));
  gone.ready("x");
  gone.stopping();
  t.is(lines.length, 1);
  t.regex(lines[0]!, /systemd cannot be told \(\S+\/none\): .*ENOENT/);
});

test("signs of life are due in half the time, of the process that is named alone", (t) => {
  t.is(watchdogMs({ WATCHDOG_USEC: "30000000" }), 15_000);
  t.is(watchdogMs({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "7" }, 7), 15_000);
  t.is(watchdogMs({ WATCHDOG_USEC: "30000000", WATCHDOG_PID: "7" }, 8), undefined);
  t.is(watchdogMs({}), undefined);
  t.is(watchdogMs({ WATCHDOG_USEC: "x" }), undefined);
});

import { once } from "node:events";
import type { Socket } from "node:net";
import type { ExecutionContext } from "ava";
import { connectTcp, inNamespace, listenTcp, openNamespace, openUdpSocket } from "../../../netns/index.js";
import { parseMessage } from "../../../src/agent/dns/message-reader.js";
import { DNS_PORT } from "../../../src/agent/dns/port.js";
import { FrameReader, frame } from "../../../src/agent/dns/tcp-framing.js";
import { kernelTest } from "../../kernel/kernel-test.js";
import { address, FakeUpstream } from "./fake-upstream.js";
import { DnsHost, dig, digShort, getent } from "./host.js";
import { query, SHOP_ROWS, task } from "./sandbox.js";

const needs = ["network-namespaces", "packet-filter", "bridge"] as const;
const TASKS = ["10.0.1.11", "10.0.1.12", "10.0.1.13"];

kernelTest.serial(
  "dig and the C library find services, tasks and addresses, over UDP and TCP",
  { needs },
  async (t) => {
    const host = await DnsHost.make(t);
    const box = await host.sandbox("t1");
    t.deepEqual(await digShort(box, "web"), ["10.0.1.2"]);
    t.deepEqual(await digShort(box, "+tcp", "WEB.shop"), ["10.0.1.2"]);
    t.deepEqual(await digShort(box, "tasks.web"), TASKS);
    t.deepEqual(await digShort(box, "+tcp", "tasks.web"), TASKS);
    t.deepEqual(await digShort(box, "-x", "10.0.1.12"), ["web.2.t2.shop."]);
    t.regex(await dig(box, "web", "AAAA"), /status: NOERROR.*\n.*ANSWER: 0/);
    t.regex(await dig(box, "tasks.nosuch"), /status: NXDOMAIN/);
    t.regex(await dig(box, "web"), /web\.\s+600\s+IN\s+A\s+10\.0\.1\.2/);
    const settings = "nameserver 127.0.0.11\noptions ndots:0\n";
    t.regex(await getent(box, settings, "ahostsv4", "web"), /^10\.0\.1\.2\s+STREAM/);
    t.regex(await getent(box, settings, "hosts", "10.0.1.12"), /^10\.0\.1\.12\s+web\.2\.t2\.shop/);
  },
);

kernelTest.serial("an answer that UDP cannot carry comes over TCP, whole", { needs }, async (t) => {
  const host = await DnsHost.make(t);
  const box = await host.sandbox("t1");
  const many = Array.from({ length: 150 }, (_, index) => task(index + 1, { revision: 2 }));
  await host.rows({ services: SHOP_ROWS.services, endpoints: new Map(many.map((row) => [row.id, row])) });
  t.regex(await dig(box, "+noedns", "+ignore", "tasks.web"), /flags: qr tc rd ra;.*ANSWER: 30/);
  t.is((await digShort(box, "+noedns", "tasks.web")).length, 150);
  const found = await getent(box, "nameserver 127.0.0.11\n", "ahostsv4", "tasks.web");
  t.is(new Set(found.match(/10\.0\.1\.\d+/g)).size, 150);
});

kernelTest.serial("a task may have port 53 for itself", { needs }, async (t) => {
  const host = await DnsHost.make(t);
  const box = await host.sandbox("t1");
  using namespace = openNamespace(box);
  const udp = await openUdpSocket(namespace, { address: "0.0.0.0", port: 53 });
  t.teardown(() => udp.close());
  const tcp = await listenTcp(namespace, { address: "0.0.0.0", port: 53 }, (socket) => socket.end("mine"));
  t.teardown(() => tcp.close());
  udp.on("message", (_query, client) => udp.send("mine", client.port, client.address));
  const client = await openUdpSocket(namespace, { address: "127.0.0.1", port: 0 });
  t.teardown(() => client.close());
  const answer = once(client, "message");
  client.send("whose?", 53, "127.0.0.1");
  t.is(String((await answer)[0]), "mine");
  const [chunk] = await once(connectTcp(namespace, { address: "127.0.0.1", port: 53 }), "data");
  t.is(String(chunk), "mine");
  t.deepEqual(await digShort(box, "web"), ["10.0.1.2"]);
  t.deepEqual(await digShort(box, "+tcp", "web"), ["10.0.1.2"]);
});

kernelTest.serial("other names go to the host's name servers, in the host's namespace", { needs }, async (t) => {
  const host = await DnsHost.make(t);
  const box = await host.sandbox("t1");
  t.regex(await dig(box, "example.com"), /status: SERVFAIL/, "without a server at once");
  const failing = await FakeUpstream.open(t, host.namespace, "127.0.0.53", () => ({ rcode: 2 }));
  const silent = await FakeUpstream.open(t, host.namespace, "127.0.0.54", () => undefined);
  const good = await FakeUpstream.open(t, host.namespace, "127.0.0.55", ({ query: asked }) => ({
    answers: address(asked, 192, 0, 2, 80),
  }));
  host.nameServers("127.0.0.53", "127.0.0.54", "127.0.0.55");
  await settingsSeen(t, box);
  t.deepEqual(await digShort(box, "Example.COM"), ["192.0.2.80"]);
  for (const upstream of [failing, silent, good]) t.is(upstream.names().at(-1), "Example.COM");
  t.deepEqual(await digShort(box, "+tcp", "tcp.example.com"), ["192.0.2.80"]);
  t.like(good.asked.at(-1), { transport: "tcp" });
  await digShort(box, "web", "AAAA");
  await digShort(box, "-x", "10.0.1.200");
  await digShort(box, "tasks.nosuch.shop");
  t.deepEqual(
    good.names().filter((name) => !/example\.com$/i.test(name)),
    [],
    "no name of the cluster leaves it",
  );
  const { result } = await host.order({ do: "stats" });
  t.like(result, { outstanding: 0, overLimit: 0, sandboxes: 1 });
});

kernelTest.serial("a truncated answer from upstream leads the client to TCP, all the way", { needs }, async (t) => {
  const host = await DnsHost.make(t);
  const box = await host.sandbox("t1");
  const upstream = await FakeUpstream.open(t, host.namespace, "127.0.0.53", ({ transport, query: asked }) =>
    transport === "udp" ? { truncated: true } : { answers: address(asked, 192, 0, 2, 81) },
  );
  host.nameServers("127.0.0.53");
  await settingsSeen(t, box);
  t.deepEqual(await digShort(box, "long.example.com"), ["192.0.2.81"]);
  t.deepEqual(
    upstream.asked.slice(-2).map((asked) => asked.transport),
    ["udp", "tcp"],
  );
});

kernelTest.serial("a new server takes the sandboxes over at the same port", { needs }, async (t) => {
  const host = await DnsHost.make(t);
  const box = await host.sandbox("t1");
  await host.restart();
  await host.serve("t1", box);
  t.deepEqual(await digShort(box, "web"), ["10.0.1.2"]);
  await host.serve("t1", box);
  await host.order({ do: "remove", taskId: "t1" });
  using namespace = openNamespace(box);
  // The port is free again: nothing of the resolver is left in the sandbox.
  const udp = await openUdpSocket(namespace, { address: "127.0.0.11", port: DNS_PORT });
  const error = await t.throwsAsync(host.serve("t1", box));
  t.regex(error!.message, /bind.*EADDRINUSE/s);
  udp.close();
  await once(udp, "close");
  await host.serve("t1", box);
  t.deepEqual(await digShort(box, "+tcp", "web"), ["10.0.1.2"]);
});

kernelTest.serial("a change of rows is answered at once, in every sandbox", { needs }, async (t) => {
  const host = await DnsHost.make(t);
  const boxes = [await host.sandbox("t1"), await host.sandbox("t2")];
  for (const box of boxes) t.deepEqual(await digShort(box, "tasks.web"), TASKS);
  await host.order({ do: "rows", update: { removedEndpointIds: ["t2/n1"] } });
  for (const box of boxes) t.deepEqual(await digShort(box, "tasks.web"), ["10.0.1.11", "10.0.1.13"]);
});

kernelTest(
  "many queries on one TCP connection, and the answers of a client that closed its side",
  { needs },
  async (t) => {
    const host = await DnsHost.make(t);
    const box = await host.sandbox("t1");
    const connection = tcpClient(box);
    await once(connection, "connect");
    const reader = new FrameReader();
    const ids = new Set<number>();
    connection.on("data", (chunk) => {
      for (const bytes of reader.push(chunk)) ids.add(parseMessage(bytes).header.id);
    });
    const queries = Array.from({ length: 500 }, (_, id) =>
      frame(query(id % 2 === 0 ? "tasks.web" : "example.com", { id })),
    );
    connection.end(Buffer.concat(queries));
    await once(connection, "close");
    t.is(ids.size, 500);
  },
);

kernelTest.serial("no more TCP connections than a sandbox may have; UDP goes on", { needs }, async (t) => {
  const host = await DnsHost.make(t, { maxTcpConnections: 8, tcpIdleTimeoutMs: 600_000 });
  const box = await host.sandbox("t1");
  const connections: Socket[] = [];
  t.teardown(() => {
    for (const connection of connections) connection.destroy();
  });
  for (let index = 0; index < 8; index++) {
    const connection = tcpClient(box);
    connections.push(connection);
    connection.write(frame(query("web")));
    await once(connection, "data");
  }
  const tooMany = tcpClient(box);
  await once(tooMany, "close");
  t.deepEqual(await digShort(box, "web"), ["10.0.1.2"]);
  t.like((await host.order({ do: "stats" })).result, { tcpConnections: 8 });
});

kernelTest.serial("an idle TCP connection is closed", { needs }, async (t) => {
  const host = await DnsHost.make(t, { tcpIdleTimeoutMs: 3000 });
  const box = await host.sandbox("t1");
  const connection = tcpClient(box);
  connection.write(frame(query("web")));
  const closed = once(connection, "close");
  const answered = once(connection, "data").then(
    ([chunk]) => parseMessage((chunk as Buffer).subarray(2)).answers.length,
  );
  t.is(await Promise.race([answered, closed.then(() => "closed before it was answered")]), 1);
  await closed;
  t.like((await host.order({ do: "stats" })).result, { queries: 1 });
});

function tcpClient(box: string): Socket {
  using namespace = openNamespace(box);
  return inNamespace(namespace, () => connectTcp(namespace, { address: "127.0.0.11", port: 53 }));
}

/** The server looks at the host's settings once a second: until it has seen the new ones. */
async function settingsSeen(t: ExecutionContext, box: string): Promise<void> {
  for (let tries = 0; tries < 1000; tries++) {
    if (!(await dig(box, "probe.example.com")).includes("SERVFAIL")) return;
  }
  t.fail("the server does not see the new settings");
}

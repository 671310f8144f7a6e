import { once } from "node:events";
import { readdirSync } from "node:fs";
import { createServer, get, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { Worker } from "node:worker_threads";
import test from "ava";
import { connectTcp, listenTcp, openUdpSocket, portOf } from "../../netns/index.js";
import { scratchNamespace } from "./scratch.js";

const ANY_PORT = { address: "127.0.0.1", port: 0 };

test("UDP: asked and answered inside, unheard outside", async (t) => {
  const [one, other] = [scratchNamespace(t, "one"), scratchNamespace(t, "other")];
  const server = await openUdpSocket(one, ANY_PORT);
  const client = await openUdpSocket(one, ANY_PORT);
  const stranger = await openUdpSocket(other, { address: "127.0.0.1", port: portOf(server) });
  t.teardown(() => {
    for (const socket of [server, client, stranger]) socket.close();
  });
  server.on("message", (message, from) => server.send(`${message}!`, from.port, from.address));
  stranger.on("message", () => t.fail("heard in another namespace"));
  client.send("hello", portOf(server), "127.0.0.1");
  const [answer] = (await once(client, "message")) as [Buffer];
  t.is(answer.toString(), "hello!");
});

test("TCP: a server inside, reached from inside only", async (t) => {
  const namespace = scratchNamespace(t, "tcp");
  const server = await listenTcp(namespace, ANY_PORT, (connection) => void connection.pipe(connection));
  t.teardown(() => void server.close());
  const client = connectTcp(namespace, { address: "127.0.0.1", port: portOf(server) });
  await once(client, "connect");
  t.is(client.remotePort, portOf(server));
  client.end("echo");
  t.is(await text(client), "echo");
  const outside = connect(portOf(server), "127.0.0.1");
  const [error] = (await once(outside, "error")) as [NodeJS.ErrnoException];
  t.is(error.code, "ECONNREFUSED");
});

test("TCP: a connection that is refused says so; one from a chosen address has it", async (t) => {
  const namespace = scratchNamespace(t, "refused");
  const refused = connectTcp(namespace, { address: "127.0.0.1", port: 1 });
  const [error] = (await once(refused, "error")) as [NodeJS.ErrnoException];
  t.is(error.code, "ECONNREFUSED");
  const server = await listenTcp(
    namespace,
    ANY_PORT,
    (connection) => void connection.end(connection.remoteAddress ?? ""),
  );
  t.teardown(() => void server.close());
  const client = connectTcp(
    namespace,
    { address: "127.0.0.1", port: portOf(server) },
    { address: "127.0.0.9", port: 0 },
  );
  t.is(await text(client), "127.0.0.9");
});

test("HTTP through an adopted listener and an adopted connection", async (t) => {
  const namespace = scratchNamespace(t, "http");
  const http = createServer((_, response) => void response.end("page"));
  const server = await listenTcp(namespace, ANY_PORT, (connection) => void http.emit("connection", connection));
  t.teardown(() => void server.close());
  const port = portOf(server);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const createConnection = (): Socket => connectTcp(namespace, { address: "127.0.0.1", port });
    get({ host: "inside", createConnection }, resolve).on("error", reject);
  });
  t.is(await text(response), "page");
});

test("IPv6 sockets leave the port to IPv4", async (t) => {
  const namespace = scratchNamespace(t, "ipv6");
  const six = await listenTcp(namespace, { address: "::", port: 0 }, (connection) => void connection.end("six"));
  const four = await listenTcp(
    namespace,
    { address: "0.0.0.0", port: portOf(six) },
    (connection) => void connection.end("four"),
  );
  t.teardown(() => {
    six.close();
    four.close();
  });
  t.is(await text(connectTcp(namespace, { address: "::1", port: portOf(six) })), "six");
  t.is(await text(connectTcp(namespace, { address: "127.0.0.1", port: portOf(six) })), "four");
});

test.serial("what cannot be bound is an error that says so, and leaves no descriptor", async (t) => {
  const namespace = scratchNamespace(t, "bind");
  const taken = await listenTcp(namespace, ANY_PORT, () => undefined);
  t.teardown(() => void taken.close());
  const local = { address: "127.0.0.1", port: portOf(taken) };
  const before = readdirSync("/proc/self/fd").length;
  await t.throwsAsync(openUdpSocket(namespace, { address: "192.0.2.1", port: 53 }), {
    message: /^bind\(.*address not available \(EADDRNOTAVAIL\)/,
  });
  await t.throwsAsync(
    listenTcp(namespace, local, () => undefined),
    { message: /EADDRINUSE/ },
  );
  await t.throwsAsync(openUdpSocket(namespace, { address: "nowhere", port: 53 }), { instanceOf: RangeError });
  t.is(readdirSync("/proc/self/fd").length, before);
});

test("sockets of a Worker are closed without a warning", async (t) => {
  const { name } = scratchNamespace(t, "worker");
  const module = new URL("../../netns/index.js", import.meta.url).href;
  const route = new URL("../../native-bindings/route/index.js", import.meta.url).href;
  const worker = new Worker(
    `const { parentPort } = require("node:worker_threads");
     process.on("warning", (warning) => parentPort.postMessage(String(warning)));
     (async () => {
       const { inNamespace, openNamespace, openUdpSocket } = await import(${JSON.stringify(module)});
       const { RouteSocket } = await import(${JSON.stringify(route)});
       const namespace = openNamespace(${JSON.stringify(name)});
       const netlink = inNamespace(namespace, () => RouteSocket.open());
       parentPort.postMessage(netlink.links().some((link) => link.name === "lo"));
       netlink.close();
       const udp = await openUdpSocket(namespace, { address: "127.0.0.1", port: 0 });
       udp.close();
       await openUdpSocket(namespace, { address: "192.0.2.1", port: 0 }).catch((error) => parentPort.postMessage(error.code));
       namespace.close();
     })();`,
    { eval: true },
  );
  const told: unknown[] = [];
  worker.on("message", (message) => told.push(message));
  await once(worker, "exit");
  t.deepEqual(told, [true, "EADDRNOTAVAIL"]);
});

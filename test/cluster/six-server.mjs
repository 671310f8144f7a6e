// Answers over both families with its name and the client's address: HTTP on TCP, plain datagrams on UDP over IPv6.
// usage: six-server.mjs, with TASK_NAME in the environment
import { createSocket } from "node:dgram";
import { createServer } from "node:http";

const name = process.env.TASK_NAME;
createServer((request, response) => {
  response.setHeader("connection", "close");
  response.end(`${name} ${request.socket.remoteAddress.replace(/^::ffff:/, "")}`);
}).listen(80, "::");
const udp = createSocket({ type: "udp6", ipv6Only: true });
udp.on("message", (_message, from) => udp.send(`${name} ${from.address}`, from.port, from.address));
udp.bind(80, "::");

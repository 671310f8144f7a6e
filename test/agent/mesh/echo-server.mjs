// Answers with its name and the client's address: HTTP on TCP, plain datagrams on UDP.
// usage: echo-server.mjs NAME PORT
import { createSocket } from "node:dgram";
import { createServer } from "node:http";

const [name, port] = process.argv.slice(2);
const tcp = createServer((request, response) => {
  response.setHeader("connection", "close");
  response.end(`${name} ${request.socket.remoteAddress}\n`);
});
const udp = createSocket("udp4");
udp.on("message", (_message, from) => udp.send(`${name} ${from.address}`, from.port, from.address));
tcp.listen(Number(port), "0.0.0.0", () => udp.bind(Number(port), "0.0.0.0", () => console.log("serving")));

// Answers with its name and the client's address: HTTP on TCP, plain datagrams on UDP.
// usage: echo-server.mjs NAME PORT [ADDRESS]
import { createSocket } from "node:dgram";
import { createServer } from "node:http";

const [name, port, address = "0.0.0.0"] = process.argv.slice(2);
const tcp = createServer((request, response) => {
  response.setHeader("connection", "close");
  response.end(`${name} ${request.socket.remoteAddress}\n`);
});
const udp = createSocket(address.includes(":") ? "udp6" : "udp4");
udp.on("message", (_message, from) => udp.send(`${name} ${from.address}`, from.port, from.address));
tcp.listen(Number(port), address, () => udp.bind(Number(port), address, () => console.log("serving")));

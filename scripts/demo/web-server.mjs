// The demo's service: says which task answers and which client address it sees.
import { createServer } from "node:http";
import { hostname } from "node:os";

const name = process.env.TASK_NAME || hostname();
createServer((request, response) => {
  response.setHeader("connection", "close");
  response.end(`${name} ${request.socket.remoteAddress?.replace(/^::ffff:/, "")}\n`);
}).listen(80, "0.0.0.0");

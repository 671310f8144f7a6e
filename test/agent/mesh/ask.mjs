// usage: ask.mjs tcp|udp ADDRESS PORT COUNT — prints each answer, or "error CODE", on a line of its own.
import { createSocket } from "node:dgram";
import { get } from "node:http";

const [protocol, address, port, count] = process.argv.slice(2);

function askTcp() {
  return new Promise((done) => {
    const call = get({ host: address, port, agent: false, timeout: 4000 }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => done(text.trim()));
    });
    call.on("timeout", () => call.destroy(Object.assign(new Error("timeout"), { code: "TIMEOUT" })));
    call.on("error", (error) => done(`error ${error.code}`));
  });
}

function askUdp() {
  return new Promise((done) => {
    const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
    const finish = (text) => {
      clearTimeout(timer);
      socket.close();
      done(text);
    };
    const timer = setTimeout(() => finish("error TIMEOUT"), 4000);
    socket.on("message", (message) => finish(message.toString()));
    socket.on("error", (error) => finish(`error ${error.code}`));
    socket.connect(Number(port), address, () => socket.send("hello"));
  });
}

for (let index = 0; index < Number(count); index++) console.log(await (protocol === "udp" ? askUdp() : askTcp()));

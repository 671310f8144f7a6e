// Asks inside a task as any program does, and prints one JSON line: what each question was answered, or "error CODE".
// usage: six-probe.mjs '[["AAAA", NAME], ["A", NAME], ["PTR", ADDRESS], ["lookup", NAME], ["get", HOST, FAMILY, PORT], ["udp", ADDRESS]]'
import { createSocket } from "node:dgram";
import { promises as dns, lookup } from "node:dns";
import { get } from "node:http";

const TIMEOUT_MS = 4000;

const ASKING = {
  AAAA: async (name) => (await dns.resolve6(name)).sort(),
  A: async (name) => (await dns.resolve4(name)).sort(),
  PTR: (address) => dns.reverse(address),
  // By the C library: /etc/hosts, /etc/resolv.conf and all.
  lookup: (name) =>
    new Promise((resolve, reject) => {
      lookup(name, { all: true, family: 6 }, (error, found) =>
        error ? reject(error) : resolve(found.map(({ address }) => address).sort()),
      );
    }),
  get: (host, family, port = 80) =>
    new Promise((resolve, reject) => {
      const call = get({ host, port, family, agent: false, timeout: TIMEOUT_MS }, (response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () => resolve(text));
        response.on("error", reject);
      });
      call.on("timeout", () => call.destroy(Object.assign(new Error("timeout"), { code: "TIMEOUT" })));
      call.on("error", reject);
    }),
  udp: (address) =>
    new Promise((resolve, reject) => {
      const socket = createSocket("udp6");
      const timer = setTimeout(() => socket.close(() => reject({ code: "TIMEOUT" })), TIMEOUT_MS);
      socket.on("message", (message) => {
        clearTimeout(timer);
        socket.close(() => resolve(message.toString()));
      });
      socket.on("error", reject);
      socket.connect(80, address, () => socket.send("hello"));
    }),
};

const answers = [];
for (const [kind, ...question] of JSON.parse(process.argv[2])) {
  answers.push(await ASKING[kind](...question).catch((error) => `error ${error.code}`));
}
console.log(JSON.stringify(answers));

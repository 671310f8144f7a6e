/**
 * Request and answer of one byte over one TCP connection, as often as it goes. A program of its own, for a namespace:
 * `server ADDRESS PORT` answers until it is killed; `client ADDRESS PORT SECONDS` prints the round trips a second.
 */
import { connect, createServer } from "node:net";

const [role, address, port, seconds] = process.argv.slice(2);
if (role === "server") serve();
else measure();

function serve(): void {
  createServer({ noDelay: true }, (connection) => {
    connection.on("data", (bytes) => connection.write(bytes));
    connection.on("error", () => connection.destroy());
  }).listen(Number(port), address, () => console.log("ready"));
}

function measure(): void {
  const byte = Buffer.from("x");
  let count = 0;
  const connection = connect({ host: address!, port: Number(port), noDelay: true });
  connection.once("connect", () => {
    const start = performance.now();
    connection.on("data", () => {
      count++;
      const elapsedMs = performance.now() - start;
      if (elapsedMs < Number(seconds) * 1000) connection.write(byte);
      else {
        connection.destroy();
        console.log(Math.round((count * 1000) / elapsedMs));
      }
    });
    connection.write(byte);
  });
}

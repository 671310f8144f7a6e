// Sends requests one after the other and prints one JSON line each: start and end in ms since 1970, answer or error.
// usage: requests.mjs URL COUNT|stream [PAUSE_MS]
import { get } from "node:http";

const [url, count, pauseMs = "0"] = process.argv.slice(2);
const limit = count === "stream" ? Number.POSITIVE_INFINITY : Number(count);
const REQUEST_TIMEOUT_MS = 5000;

function request() {
  const started = Date.now();
  return new Promise((done) => {
    const finish = (result) => done({ started, ended: Date.now(), ...result });
    const call = get(url, { agent: false, timeout: REQUEST_TIMEOUT_MS }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => finish({ answer: text.trim() }));
      response.on("error", (error) => finish({ error: error.message }));
    });
    call.on("timeout", () => call.destroy(new Error("no answer")));
    call.on("error", (error) => finish({ error: error.message }));
  });
}

// Whoever read the answers is gone.
process.stdout.on("error", () => process.exit(0));

let stopped = false;
process.on("SIGTERM", () => {
  stopped = true;
});
for (let index = 0; index < limit && !stopped; index++) {
  console.log(JSON.stringify(await request()));
  if (Number(pauseMs) > 0) await new Promise((wake) => setTimeout(wake, Number(pauseMs)));
}

// Asks every URL again and again until it answers; prints one JSON line: when the last of them did, in ms since 1970.
import { get } from "node:http";

const TIME_LIMIT_MS = 30_000;
const until = Date.now() + TIME_LIMIT_MS;

function answers(url) {
  return new Promise((done) => {
    const call = get(url, { agent: false, timeout: 1000 }, (response) => {
      response.resume();
      response.on("end", () => done(true));
      response.on("error", () => done(false));
    });
    call.on("timeout", () => call.destroy());
    call.on("error", () => done(false));
  });
}

async function firstAnswer(url) {
  while (!(await answers(url))) {
    if (Date.now() > until) throw new Error(`${url}: no answer within ${TIME_LIMIT_MS / 1000} s`);
    await new Promise((wake) => setTimeout(wake, 2));
  }
  return Date.now();
}

console.log("ready");
const times = await Promise.all(process.argv.slice(2).map(firstAnswer));
console.log(JSON.stringify({ last: Math.max(...times) }));

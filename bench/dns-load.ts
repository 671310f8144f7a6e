/** Asks a resolver as fast as it answers, or at a rate, and prints what it saw as JSON. Started by dns.ts inside a sandbox. */
import dgram from "node:dgram";
import { once } from "node:events";
import { query } from "../test/agent/dns/sandbox.js";

export interface Load {
  readonly port: number;
  /** Asked for in turn. */
  readonly names: readonly string[];
  readonly seconds: number;
  /** Queries under way at once … */
  readonly outstanding?: number;
  /** … or sent each second, whatever comes back. */
  readonly perSecond?: number;
}

export interface LoadResult {
  readonly answers: number;
  readonly lost: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const IDS = 0x10000;
/** Before the count begins. */
const WARM_UP_MS = 500;
const LOST_AFTER_MS = 1000;

async function run(load: Load): Promise<LoadResult> {
  const socket = dgram.createSocket("udp4");
  socket.connect(load.port, "127.0.0.11");
  await once(socket, "connect");
  const questions = load.names.map((name) => query(name));
  const sentAt = new Float64Array(IDS).fill(-1);
  const waits: number[] = [];
  let sent = 0;
  let wrong = 0;
  let countFrom = Number.POSITIVE_INFINITY;
  let counted = 0;
  let stopped = false;

  const send = (): void => {
    const id = sent % IDS;
    const bytes = Buffer.from(questions[sent % questions.length]!);
    bytes.writeUInt16BE(id, 0);
    sent++;
    sentAt[id] = performance.now();
    if (sentAt[id] >= countFrom) counted++;
    socket.send(bytes);
  };
  socket.on("message", (answer) => {
    const id = answer.readUInt16BE(0);
    const at = sentAt[id]!;
    if (at < 0) return;
    sentAt[id] = -1;
    if (answer[2]! < 0x80 || (answer[3]! & 0xf) !== 0) wrong++;
    if (at >= countFrom) waits.push(performance.now() - at);
    if (load.outstanding !== undefined && !stopped) send();
  });

  for (let index = 0; index < (load.outstanding ?? 0); index++) send();
  const start = performance.now();
  countFrom = start + WARM_UP_MS;
  const end = countFrom + load.seconds * 1000;
  await new Promise<void>((finished) => {
    const turn = (): void => {
      const now = performance.now();
      if (now >= end) {
        finished();
        return;
      }
      if (load.perSecond !== undefined) {
        for (let due = ((now - start) / 1000) * load.perSecond - sent; due > 0; due--) send();
      }
      setImmediate(turn);
    };
    turn();
  });
  stopped = true;
  const took = (performance.now() - countFrom) / 1000;
  const settled = performance.now() + LOST_AFTER_MS;
  while (waits.length < counted && performance.now() < settled) await new Promise((wake) => setImmediate(wake));
  socket.close();
  if (wrong > 0) throw new Error(`${wrong} answers are no answers`);
  waits.sort((a, b) => a - b);
  return {
    answers: waits.length,
    lost: counted - waits.length,
    seconds: took,
    p50Ms: waits[Math.floor(waits.length * 0.5)]!,
    p99Ms: waits[Math.floor(waits.length * 0.99)]!,
  };
}

console.log(JSON.stringify(await run(JSON.parse(process.argv[2]!) as Load)));

/**
 * A data plane that is killed with SIGKILL at random points, again and again, always comes to what is wanted when it starts anew,
 * and leaves nothing extra. CRASHES says how often (100).
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { randomNumbers, randomState } from "./random-state.js";

const CRASHES = Number(process.env.CRASHES ?? 100);
const SEED = Number(process.env.SEED ?? 1);
/** A run is checked to its end after so many crashes. */
const CHECK_EVERY = 20;
/** The longest that a data plane lives before it is killed, ms after it said that it started. */
const LIFE_MAX_MS = 120;

const CHILD = join(import.meta.dirname, "data-plane-child.js");

interface Outcome {
  readonly problems: readonly { readonly place: string; readonly text: string }[];
  readonly drifted: readonly { readonly kind: string; readonly place: string; readonly key: string }[];
  readonly items: number;
}

test("killed at random points, a data plane always converges and leaves nothing extra", async (t) => {
  t.timeout(20_000 + CRASHES * 3000);
  const host = `tswx-crash-${process.pid}`;
  const nodeId = `c${String(process.pid).padStart(7, "0")}crashtestnode0000`;
  const stateDir = mkdtempSync(join(tmpdir(), "tswarm-crash-"));
  const ours = () => readdirSync("/run/netns").filter((name) => name.startsWith(`tsw-${nodeId.slice(0, 8)}-`));
  execFileSync("ip", ["netns", "add", host]);
  const inHost = (...command: string[]) => ["nsenter", `--net=/run/netns/${host}`, "--", ...command];
  const child = (seed: number, mode: string) => {
    const [program, ...args] = inHost(process.execPath, CHILD, nodeId, stateDir, String(seed), mode);
    return spawn(program!, args, { stdio: ["ignore", "pipe", "inherit"] });
  };
  const finish = async (seed: number, mode: string): Promise<string> => {
    const running = child(seed, mode);
    let text = "";
    running.stdout.on("data", (chunk) => {
      text += chunk;
    });
    const [code] = await once(running, "close");
    t.is(code, 0, text);
    return text;
  };
  try {
    execFileSync("ip", ["-n", host, "link", "set", "lo", "up"]);
    const random = randomNumbers(SEED);
    for (let crash = 1; crash <= CRASHES; crash++) {
      const running = child(SEED + crash, "run");
      const ended = once(running, "exit");
      await once(running.stdout, "data");
      await new Promise((wake) => setTimeout(wake, random() * LIFE_MAX_MS));
      running.kill("SIGKILL");
      await ended;
      if (crash % CHECK_EVERY !== 0 && crash !== CRASHES) continue;
      const seed = SEED + 100_000 + crash;
      const outcome = JSON.parse((await finish(seed, "finish")).trim().split("\n").at(-1)!) as Outcome;
      t.deepEqual(outcome.problems, [], `after ${crash} crashes, seed ${SEED}`);
      t.deepEqual(outcome.drifted, [], `after ${crash} crashes, seed ${SEED}`);
      t.true(outcome.items > 0);
      const state = randomState(seed, nodeId);
      const used = new Set([
        state.ingress.networkId,
        ...state.tasks.flatMap((task) => task.attachments.map((one) => one.networkId)),
      ]);
      t.is(ours().length, used.size + state.tasks.length + 1, "one namespace per network and sandbox, and no others");
    }
    await finish(0, "teardown");
    t.deepEqual(ours(), []);
  } finally {
    for (const name of ours()) execFileSync("ip", ["netns", "del", name]);
    execFileSync("ip", ["netns", "del", host]);
    rmSync(stateDir, { recursive: true });
  }
});

/** How long a person waits for tsctl: whole runs of the program, beside a Node that does nothing. The manager answers from memory. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { Node } from "../src/api/generated/docker/swarmkit/v1/objects.js";
import { CLUSTER, HOST1, id } from "../test/cli/fixtures.js";
import { Peer } from "../test/cli/peer.js";
import { printFigures, spread } from "./table.js";

const RUNS = 15;
const NODES = 100;
const TSCTL = join(import.meta.dirname, "../src/cli/main.js");
const run = promisify(execFile);

const peer = await Peer.start();
peer.clusters = [CLUSTER];
peer.manager = { nodeId: HOST1.id };
const few = [HOST1];
const many = Array.from({ length: NODES }, (_, at) => Node.fromPartial({ ...HOST1, id: id(`n${at}`) } as never));

/** Milliseconds of each run; one before them warms the file cache. */
async function measure(...args: string[]): Promise<number[]> {
  const times: number[] = [];
  for (let at = 0; at <= RUNS; at++) {
    const began = performance.now();
    await run(process.execPath, args, { env: { PATH: process.env.PATH, TSWARM_HOST: peer.socket } });
    if (at > 0) times.push(performance.now() - began);
  }
  return times;
}

try {
  const nothing = await measure("-e", "0");
  const help = await measure(TSCTL, "--help");
  peer.nodes = few;
  const one = await measure(TSCTL, "node", "ls");
  peer.nodes = many;
  const hundred = await measure(TSCTL, "node", "ls", "--format", "json");
  printFigures([
    { what: "floor: Node, an empty program, ms", value: spread(nothing, 0) },
    { what: "tsctl --help, ms", value: spread(help, 0) },
    { what: "tsctl node ls, one node, ms", value: spread(one, 0), beside: "bar ≤ 250" },
    { what: `tsctl node ls --format json, ${NODES} nodes, ms`, value: spread(hundred, 0) },
  ]);
} finally {
  peer.stop();
}

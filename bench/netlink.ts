/** Netlink: operations a second, in a network namespace of its own. */
import { pathToFileURL } from "node:url";
import {
  addLink,
  inNewNetworkNamespace,
  type RouteOperation,
  RouteSocket,
  replaceFdbEntry,
  replaceNeighbour,
} from "../native-bindings/index.js";

export interface NetlinkFigures {
  /** One request and its answer at a time. */
  readonly singleRequestsPerSecond: number;
  readonly neighbourReplacesPerSecond: number;
  readonly fdbReplacesPerSecond: number;
  /** Neighbours and FDB entries of a dump, parsed. */
  readonly dumpedEntriesPerSecond: number;
}

const ENTRIES = 20_000;
const ROUNDS = 7;

/** Medians of several rounds. Blocks the thread for some seconds. */
export function measureNetlink(): NetlinkFigures {
  return inNewNetworkNamespace(() => {
    using socket = RouteSocket.open();
    socket.execute(
      addLink({ kind: "vxlan", name: "vxlan0", up: true, vxlan: { vni: 4096, port: 4789, learning: false } }),
    );
    const linkIndex = socket.linkIndex("vxlan0");
    const neighbours = (round: number) =>
      entries((index) => replaceNeighbour({ linkIndex, address: address(index), mac: mac(index, round) }));
    const fdb = (round: number) =>
      entries((index) => replaceFdbEntry({ linkIndex, mac: mac(index, 0), tunnelAddress: `192.168.56.${1 + round}` }));
    return {
      singleRequestsPerSecond: median((round) => {
        const one = replaceNeighbour({ linkIndex, address: "10.0.0.1", mac: mac(1, round) });
        return perSecond(ENTRIES, () => {
          for (let count = 0; count < ENTRIES; count++) socket.execute(one);
        });
      }),
      neighbourReplacesPerSecond: median((round) => applyRate(socket, () => neighbours(round))),
      fdbReplacesPerSecond: median((round) => applyRate(socket, () => fdb(round))),
      dumpedEntriesPerSecond: median(() =>
        perSecond(2 * ENTRIES, () => {
          const found = socket.neighbours({ linkIndex }).length + socket.fdb({ linkIndex }).length;
          if (found < 2 * ENTRIES) throw new Error(`${found} entries where ${2 * ENTRIES} were made`);
        }),
      ),
    };
  });
}

/** Making the operations is part of the work. */
function applyRate(socket: RouteSocket, make: () => RouteOperation[]): number {
  return perSecond(ENTRIES, () => {
    for (const error of socket.executeAll(make()).values()) throw error;
  });
}

function entries(make: (index: number) => RouteOperation): RouteOperation[] {
  return Array.from({ length: ENTRIES }, (_, index) => make(index));
}

function address(index: number): string {
  return `10.${1 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
}

function mac(index: number, round: number): string {
  return `02:42:0a:${[round, index >> 8, index & 255].map((byte) => byte.toString(16).padStart(2, "0")).join(":")}`;
}

function perSecond(count: number, work: () => void): number {
  const start = performance.now();
  work();
  return Math.round((count * 1000) / (performance.now() - start));
}

function median(measure: (round: number) => number): number {
  const figures = Array.from({ length: ROUNDS }, (_, round) => measure(round)).sort((a, b) => a - b);
  return figures[ROUNDS >> 1]!;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  for (const [name, figure] of Object.entries(measureNetlink())) console.log(`${name.padEnd(30)}${figure}`);
}

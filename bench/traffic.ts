/** Streams and round trips between two namespaces that a bench made: iperf3, and one byte there and back. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

/** Where a stream goes from and to: names in /run/netns, and the address that is called. */
export interface Path {
  readonly client: string;
  readonly address: string;
}

const STREAM_SECONDS = 2;
const ROUND_TRIP_SECONDS = 1;
const STREAM_PORT = 5201;
const ROUND_TRIP_PORT = 5202;
const ROUND_TRIPS = join(import.meta.dirname, "round-trips.js");

export class Traffic {
  readonly #children: ChildProcess[] = [];

  /** Starts the servers of a path: they listen at every address of the namespace unless one is given. */
  async serve(namespace: string, address = "0.0.0.0"): Promise<void> {
    const iperf = this.#start(namespace, "iperf3", "-s", "-B", address, "-p", String(STREAM_PORT), "--forceflush");
    const echo = this.#start(namespace, process.execPath, ROUND_TRIPS, "server", address, String(ROUND_TRIP_PORT));
    await Promise.all([once(iperf.stdout!, "data"), once(echo.stdout!, "data")]);
  }

  /** @returns Gbit/s received */
  async throughput({ client, address }: Path): Promise<number> {
    const text = await this.#output(
      client,
      "iperf3",
      "-c",
      address,
      "-p",
      String(STREAM_PORT),
      "-t",
      String(STREAM_SECONDS),
      "-J",
    );
    const report = JSON.parse(text) as {
      readonly end: { readonly sum_received: { readonly bits_per_second: number } };
    };
    return report.end.sum_received.bits_per_second / 1e9;
  }

  /** @returns round trips a second on one connection */
  async roundTripRate({ client, address }: Path): Promise<number> {
    const args = ["client", address, String(ROUND_TRIP_PORT), String(ROUND_TRIP_SECONDS)];
    return Number(await this.#output(client, process.execPath, ROUND_TRIPS, ...args));
  }

  stop(): void {
    for (const child of this.#children.splice(0)) child.kill("SIGKILL");
  }

  #start(namespace: string, file: string, ...args: readonly string[]): ChildProcess {
    const child = spawn("nsenter", [`--net=/run/netns/${namespace}`, "--", file, ...args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    this.#children.push(child);
    return child;
  }

  async #output(namespace: string, file: string, ...args: readonly string[]): Promise<string> {
    const child = this.#start(namespace, file, ...args);
    let text = "";
    child.stdout!.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    const [status] = (await once(child, "close")) as [number | null];
    if (status !== 0) throw new Error(`${file} ${args.join(" ")} in ${namespace} ended with status ${status}: ${text}`);
    return text;
  }
}

/** Measures two paths in turn, the first of a pair now the one and now the other, so that what else the machine does strikes both alike. */
export async function pairs(count: number, first: () => Promise<number>, second: () => Promise<number>) {
  const figures = { first: [] as number[], second: [] as number[], percent: [] as number[] };
  for (let pair = 0; pair < count; pair++) {
    const results: [number, number] = [0, 0];
    for (const which of pair % 2 === 0 ? [0, 1] : [1, 0]) results[which] = await (which === 0 ? first() : second());
    figures.first.push(results[0]);
    figures.second.push(results[1]);
    figures.percent.push((results[0] * 100) / results[1]);
  }
  return figures;
}

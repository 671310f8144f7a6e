/** Loaded into a manager's process before its program: on SIGUSR2 it writes how long its event loop was held up since the last time. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";

export interface LoopDelays {
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

const folder = process.env.TSWARM_BENCH_PROBE;
const histogram = monitorEventLoopDelay({ resolution: 1 });
histogram.enable();
process.on("SIGUSR2", () => {
  const ms = (nanoseconds: number) => nanoseconds / 1e6;
  const delays: LoopDelays = {
    p99Ms: ms(histogram.percentile(99)),
    p999Ms: ms(histogram.percentile(99.9)),
    maxMs: ms(histogram.max),
  };
  histogram.reset();
  if (folder) writeFileSync(join(folder, `${process.pid}.json`), JSON.stringify(delays));
});

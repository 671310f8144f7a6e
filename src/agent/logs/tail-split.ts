/** The newest lines of a task are those of both its streams together. */
import type { OutputFile } from "./output-file.js";
import { OutputReader } from "./output-reader.js";

/** Beyond it they are counted for each stream: more than a person reads. */
const MOST_COMPARED = 50_000;

/**
 * How many lines of each stream are among the newest so many of the task.
 * @param lines of all streams together
 * @throws Error of the file system
 */
export async function splitTail(files: readonly (OutputFile | undefined)[], lines: number): Promise<readonly number[]> {
  if (lines === 0 || lines > MOST_COMPARED || files.length === 1) return files.map(() => lines);
  return newestOf(await Promise.all(files.map((file) => newestTimes(file, lines))), lines);
}

/**
 * Pure. Of lines of the same time those of the first lists come first.
 * @param times of each list, in order
 * @returns how many of the end of each list make the newest so many of all
 */
export function newestOf(times: readonly (readonly bigint[])[], lines: number): readonly number[] {
  const counts = times.map(() => 0);
  for (let left = lines; left > 0; left--) {
    let newest = -1;
    times.forEach((list, at) => {
      const time = list[list.length - 1 - counts[at]!];
      const best = newest < 0 ? undefined : times[newest]!.at(-1 - counts[newest]!);
      if (time !== undefined && (best === undefined || time >= best)) newest = at;
    });
    if (newest < 0) break;
    counts[newest]!++;
  }
  return counts;
}

async function newestTimes(file: OutputFile | undefined, lines: number): Promise<readonly bigint[]> {
  const reader = file && (await OutputReader.open(file, { lines, sinceNanos: 0n }));
  if (!reader) return [];
  try {
    const untilOffset = file.sizeBytes;
    const times: bigint[] = [];
    while (reader.hasMore(untilOffset)) {
      const read = await reader.next(untilOffset);
      // A line that comes in pieces counts once, with the time of its end.
      for (const { data, nanos } of read) if (data.at(-1) === LINE_BREAK) times.push(nanos);
    }
    const rest = await reader.rest();
    if (rest) times.push(rest.nanos);
    return times;
  } finally {
    await reader.close();
  }
}

const LINE_BREAK = 10;

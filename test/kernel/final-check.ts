/** The end of `npm test`: fails, with names and reasons, when some test was left by one kernel and run by none. */
import { argv } from "node:process";
import { neverRun, readRecords } from "./records.js";

const records = readRecords(argv[2]!);
const kernels = [...new Set(records.map((record) => record.kernel))].sort();
const missed = neverRun(records);
if (kernels.length < 2) missed.push(`only these kernels ran kernel tests: ${kernels.join(", ") || "none"}`);
for (const line of missed) console.error(line);
process.exitCode = missed.length === 0 ? 0 : 1;

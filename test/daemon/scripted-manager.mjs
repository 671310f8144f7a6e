// Plays a manager's process: each run takes the next line of the file that it is given, words of what it does.
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";

const [, , file, ...flags] = process.argv;
const [line = "ready", ...rest] = readFileSync(file, "utf8").split("\n").filter(Boolean);
writeFileSync(file, rest.join("\n"));
appendFileSync(`${file}.runs`, `${flags.join(" ")}\n`);
const deeds = {
  ready: () => process.stdout.write("ready control=/a/socket remote=10.0.0.1:4242\n"),
  locked: () => process.stdout.write("ready control=/a/socket remote=10.0.0.1:4242 state=locked\n"),
  fail: () => end(1, "tswarm-manager: the disk is full"),
  removed: () => end(3, "removed from the cluster"),
  die: () => process.kill(process.pid, "SIGKILL"),
};

function end(status, text) {
  process.stderr.write(`${text}\n`, () => process.exit(status));
}

process.on("SIGTERM", () => process.exit(0));
process.stdin.on("end", () => process.exit(0)).resume();
for (const deed of line.split(" ")) deeds[deed]();

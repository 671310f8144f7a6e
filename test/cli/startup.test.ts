/** What a command imports decides how fast it starts: the modules of every other command stay on the disk. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import test from "ava";
import type { Command } from "commander";
import { buildProgram } from "../../src/cli/program.js";
import { buildPart } from "../../src/cli/program-part.js";

const ROOT = new URL("../../", import.meta.url);
const CLI = new URL("src/cli/", ROOT);

/** Every file and package that importing a compiled module loads, dynamic imports left out. */
function loadedBy(entry: URL): Set<string> {
  const loaded = new Set<string>();
  const waiting = [entry];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const name = fileURLToPath(at).slice(fileURLToPath(ROOT).length);
    if (loaded.has(name)) continue;
    loaded.add(name);
    const text = readFileSync(at, "utf8");
    for (const [, specifier = ""] of text.matchAll(/^(?:import|export)\s(?:[^;"']*?\sfrom\s+)?["']([^"']+)["'];?$/gm)) {
      if (specifier.startsWith(".")) waiting.push(new URL(specifier, at));
      else loaded.add(specifier);
    }
  }
  return loaded;
}

test("the command line is read without the wire types and the native bindings", (t) => {
  const loaded = [...loadedBy(new URL("main.js", CLI))];
  t.deepEqual(
    loaded.filter((name) => !name.startsWith("src/cli/") && !name.startsWith("node:")),
    ["commander", "src/api/local-sockets.js"],
  );
});

test("only doctor loads the native bindings", (t) => {
  const native = /^(koffi|native-bindings\/|netns\/|ipvs\/|overlay\/)/;
  const files = readdirSync(CLI, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".js"));
  t.true(files.length > 40);
  const loading = files.filter((name) => [...loadedBy(new URL(name, CLI))].some((one) => native.test(one)));
  t.deepEqual(loading, ["doctor/checks.js"]);
});

test("nothing in tsctl loads execa, and what every command needs loads no gRPC library", (t) => {
  const files = readdirSync(CLI, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".js"));
  for (const name of files) t.false(loadedBy(new URL(name, CLI)).has("execa"), name);
  for (const name of ["connection.js", "node/list.js", "service/list.js"])
    t.false(loadedBy(new URL(name, CLI)).has("@grpc/grpc-js"), name);
});

test("a group that is built alone is what it is among all others", async (t) => {
  const whole = buildProgram(async () => {});
  const help = (command: Command): string[] => [command.helpInformation(), ...command.commands.flatMap(help)];
  for (const word of ["node", "service", "svc", "task", "network", "net", "debug"]) {
    const alone = await buildPart(async () => {}, word);
    const [group] = alone!.commands;
    t.is(alone!.commands.length, 1, word);
    const same = whole.commands.find((command) => command.name() === group!.name())!;
    t.deepEqual(help(group!), help(same), word);
  }
  t.is(await buildPart(async () => {}, "--help"), undefined);
  t.is(await buildPart(async () => {}, "constructor"), undefined);
});

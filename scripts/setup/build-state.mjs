// Exit status 0 when build/ was made from the sources as they are.
//   --building   notes the sources, before a build
//   --built      the build of those has succeeded; removes what came from sources that are gone: their tests would still be run
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");
const stamp = join(root, "build/.built");
const { include } = JSON.parse(readFileSync(join(root, "tsconfig.json"), "utf8"));
const generated = join(root, "src/api/generated");

function* filesIn(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesIn(path);
    else yield path;
  }
}

/** All that goes into the build, as "path size time" lines: a file that is gone or new changes them too. */
function sources() {
  const lines = [];
  for (const name of [...include, "proto", "package-lock.json", "tsconfig.json"]) {
    const path = join(root, name);
    if (!existsSync(path)) continue;
    for (const file of statSync(path).isDirectory() ? filesIn(path) : [path]) {
      if (file.startsWith(generated) || !/\.(ts|proto|json)$|generate-api\.mjs$/.test(file)) continue;
      const { size, mtimeMs } = statSync(file);
      lines.push(`${file} ${size} ${mtimeMs}`);
    }
  }
  return `${lines.sort().join("\n")}\n`;
}

function removeOrphans() {
  for (const name of include) {
    const folder = join(root, "build", name);
    if (!existsSync(folder)) continue;
    for (const file of [...filesIn(folder)]) {
      const source = join(root, file.slice(join(root, "build").length + 1).replace(/\.js(\.map)?$/, ".ts"));
      if (/\.js(\.map)?$/.test(file) && !existsSync(source)) rmSync(file);
    }
  }
}

if (process.argv[2] === "--building") {
  writeFileSync(`${stamp}.next`, sources());
} else if (process.argv[2] === "--built") {
  removeOrphans();
  renameSync(`${stamp}.next`, stamp);
} else {
  process.exit(existsSync(generated) && existsSync(stamp) && readFileSync(stamp, "utf8") === sources() ? 0 : 1);
}

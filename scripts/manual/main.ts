/** Writes man pages and completions, for packages: `node build/scripts/manual/main.js [FOLDER]`, packaging unless said otherwise. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { completionScript } from "../../src/cli/completion/print.js";
import { tsctlPages } from "./tsctl-pages.js";
import { tswarmdPage } from "./tswarmd-page.js";

const project = resolve(import.meta.dirname, "../../..");
const folder = resolve(process.argv[2] ?? join(project, "packaging"));
const { version } = JSON.parse(readFileSync(join(project, "package.json"), "utf8")) as { version: string };

const files = new Map([
  ...[...tsctlPages(version)].map(([name, text]) => [join("man", name), text] as const),
  [join("man", "tswarmd.8"), tswarmdPage(join(project, "build/src/daemon/main.js"), version)],
  [join("completion", "tsctl.bash"), completionScript("bash")],
  [join("completion", "_tsctl"), completionScript("zsh")],
  [join("completion", "tsctl.fish"), completionScript("fish")],
]);
for (const name of ["man", "completion"]) mkdirSync(join(folder, name), { recursive: true });
for (const [name, text] of files) writeFileSync(join(folder, name), text);
console.log(`${files.size} files in ${folder}/man and ${folder}/completion`);

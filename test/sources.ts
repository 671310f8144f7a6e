/** The project's own sources, and what each imports. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

export const PROJECT = fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, "");

/** What is made, not written. */
const MADE = new Set([".git", "node_modules", "build", "src/api/generated", "src/api/generated-json"]);

/** All files that belong to the project; paths from its root. */
export function projectFiles(folder = ""): string[] {
  return readdirSync(join(PROJECT, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      if (MADE.has(path) || path.endsWith(".log")) return [];
      return entry.isDirectory() ? projectFiles(path) : [path];
    })
    .sort();
}

export function sourceText(path: string): string {
  return readFileSync(join(PROJECT, path), "utf8");
}

export interface Import {
  /** A path from the project's root, ending in .ts; or a module's name, `node:fs` for one. */
  readonly target: string;
  /** Gone after compiling. */
  readonly typeOnly: boolean;
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\s+(type\s)?[^;"'`]*?\bfrom\s*"([^"]+)"|(?:^|\n)\s*import\s*"([^"]+)"|\bimport\s*\(\s*"([^"]+)"\s*\)|\bnew URL\("(\.[^"]+\.js)",\s*import\.meta\.url\)/g;

/** Every static, dynamic and worker import of a TypeScript source. */
export function importsOf(path: string, text = sourceText(path)): Import[] {
  return [...text.matchAll(IMPORT)].map((match) => {
    const specifier = (match[2] ?? match[3] ?? match[4] ?? match[5])!;
    const target = specifier.startsWith(".")
      ? normalize(join(dirname(path), specifier)).replace(/\.js$/, ".ts")
      : specifier;
    return { target, typeOnly: match[1] !== undefined };
  });
}

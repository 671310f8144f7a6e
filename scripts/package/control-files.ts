/** The folder DEBIAN of a package: what it is and needs, its scripts, its checksums. */
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MAINTAINER } from "./changelog.js";
import type { PackageFacts } from "./layout.js";

const SCRIPTS = { postinst: "postinst.sh", prerm: "prerm.sh", postrm: "postrm.sh" } as const;
const CONTROL = "DEBIAN";

/** @param root with all files of the package in it */
export function writeControlFiles(project: string, root: string, facts: PackageFacts): void {
  const templates = join(project, "packaging/debian");
  const files = filesBelow(root);
  mkdirSync(join(root, CONTROL));
  const write = (name: string, text: string, mode = 0o644) => writeFileSync(join(root, CONTROL, name), text, { mode });
  write("control", controlText(readFileSync(join(templates, "control.txt"), "utf8"), facts, sizeKib(root, files)));
  for (const [name, file] of Object.entries(SCRIPTS)) write(name, readFileSync(join(templates, file), "utf8"), 0o755);
  write(
    "conffiles",
    files
      .filter((path) => path.startsWith("etc/"))
      .map((path) => `/${path}\n`)
      .join(""),
  );
  write(
    "md5sums",
    files
      .filter((path) => isFile(root, path) && !path.startsWith("etc/"))
      .map(
        (path) =>
          `${createHash("md5")
            .update(readFileSync(join(root, path)))
            .digest("hex")}  ${path}\n`,
      )
      .join(""),
  );
}

export function controlText(template: string, facts: PackageFacts, installedKib: number): string {
  const values: Readonly<Record<string, string>> = {
    VERSION: facts.version,
    ARCHITECTURE: facts.architecture,
    MAINTAINER,
    INSTALLED_SIZE: String(installedKib),
  };
  return template.replace(/@([A-Z_]+)@/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`control.txt names @${name}@, which is nothing`);
    return value;
  });
}

/** As dpkg-gencontrol counts: whole KiB for each file, one for anything else. */
function sizeKib(root: string, files: readonly string[]): number {
  return files.reduce((sum, path) => {
    const stat = lstatSync(join(root, path));
    return sum + (stat.isFile() ? Math.ceil(stat.size / 1024) : 1);
  }, 0);
}

function isFile(root: string, path: string): boolean {
  return lstatSync(join(root, path)).isFile();
}

function filesBelow(root: string): readonly string[] {
  return readdirSync(root, { withFileTypes: true, recursive: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(root.length + 1))
    .sort();
}

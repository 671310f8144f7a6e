/** Which file of the project lies where on a host. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { debianChangelog } from "./changelog.js";
import { moduleLicences } from "./licences.js";

export interface PackageFacts {
  readonly version: string;
  readonly architecture: string;
  readonly epochSeconds: number;
}

const HOME = "usr/lib/tswarm";
const DOCUMENTS = "usr/share/doc/tswarm";
/** Parts of the build that are no test, bench or tool. */
const BUILT = ["src", "native-bindings", "netns", "ipvs", "overlay"];
const PROGRAMS = {
  "usr/bin/tsctl": `${HOME}/build/src/cli/main.js`,
  "usr/sbin/tswarmd": `${HOME}/build/src/daemon/main.js`,
} as const;

export interface PackageParts {
  readonly project: string;
  /** A folder node_modules with what is needed at run time. */
  readonly modules: string;
  /** A folder with man pages and completions. */
  readonly manual: string;
}

/** @param root of the package, made here */
export function layOut({ project, modules, manual }: PackageParts, root: string, facts: PackageFacts): void {
  const copy = (from: string, to: string) => {
    mkdirSync(dirname(join(root, to)), { recursive: true });
    cpSync(from, join(root, to), { recursive: true });
  };
  for (const part of BUILT) copyBuilt(project, part, join(root, HOME));
  copy(modules, `${HOME}/node_modules`);
  writeFileSync(join(root, HOME, "package.json"), runtimeManifest(join(project, "package.json")));
  for (const [name, program] of Object.entries(PROGRAMS)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    symlinkSync(`../lib/${program.slice("usr/lib/".length)}`, join(root, name));
  }
  for (const unit of readdirSync(join(project, "packaging/systemd")).filter((name) => !name.endsWith(".md"))) {
    copy(join(project, "packaging/systemd", unit), `lib/systemd/system/${unit}`);
  }
  copy(join(project, "packaging/debian/sysusers.txt"), "usr/lib/sysusers.d/tswarm.conf");
  copy(join(project, "packaging/debian/default.txt"), "etc/default/tswarmd");
  layOutManual(manual, root, copy);
  layOutDocuments(project, modules, root, facts);
}

/** What was compiled from a file that is not there any more stays behind. */
function copyBuilt(project: string, part: string, home: string): void {
  for (const path of filesIn(join(project, "build", part))) {
    const source = join(project, part, path.replace(/\.js$/, ".ts"));
    if (!path.endsWith(".js") || !existsSync(source)) continue;
    const to = join(home, "build", part, path);
    mkdirSync(dirname(to), { recursive: true });
    cpSync(join(project, "build", part, path), to);
  }
}

/** Without what is for development: the programs take their version, and that they are modules, from it. */
function runtimeManifest(path: string): string {
  const { name, version, description, license, type } = JSON.parse(readFileSync(path, "utf8"));
  return `${JSON.stringify({ name, version, description, license, private: true, type }, null, 2)}\n`;
}

const COMPLETIONS: Readonly<Record<string, string>> = {
  "tsctl.bash": "usr/share/bash-completion/completions/tsctl",
  "tsctl.fish": "usr/share/fish/vendor_completions.d/tsctl.fish",
  _tsctl: "usr/share/zsh/vendor-completions/_tsctl",
};

function layOutManual(manual: string, root: string, copy: (from: string, to: string) => void): void {
  for (const page of readdirSync(join(manual, "man"))) {
    write(root, `usr/share/man/man${page.at(-1)}/${page}.gz`, compressed(readFileSync(join(manual, "man", page))));
  }
  for (const [name, place] of Object.entries(COMPLETIONS)) copy(join(manual, "completion", name), place);
}

function layOutDocuments(project: string, modules: string, root: string, facts: PackageFacts): void {
  const own = readFileSync(join(project, "packaging/debian/copyright.txt"), "utf8");
  write(root, `${DOCUMENTS}/copyright`, Buffer.from(own + moduleLicences(modules, `${HOME}/node_modules`)));
  const changes = readFileSync(join(project, "CHANGELOG.md"));
  write(root, `${DOCUMENTS}/changelog.gz`, compressed(changes));
  write(root, `${DOCUMENTS}/changelog.Debian.gz`, compressed(debianChangelog(facts.version, facts.epochSeconds)));
  for (const name of readdirSync(join(project, "docs")).filter((one) => one.endsWith(".md"))) {
    write(root, `${DOCUMENTS}/${name}.gz`, compressed(readFileSync(join(project, "docs", name))));
  }
}

/** The same bytes for the same content: no name and no time in it. */
function compressed(content: string | Uint8Array): Buffer {
  return gzipSync(content, { level: 9 });
}

function write(root: string, path: string, content: Uint8Array): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), content);
}

/** Relative paths, at any depth. */
function filesIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name).slice(folder.length + 1))
    .sort();
}

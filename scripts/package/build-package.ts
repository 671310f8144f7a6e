/** One Debian package from the built project: laid out, described, packed. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { writeControlFiles } from "./control-files.js";
import { layOut } from "./layout.js";
import { installProductionModules } from "./production-modules.js";
import { makeUniform } from "./uniform.js";

export const PROJECT = resolve(fileURLToPath(new URL("../../..", import.meta.url)));

/** Writes man pages and completions. */
const MANUAL_PROGRAM = fileURLToPath(new URL("../manual/main.js", import.meta.url));

export interface PackageOrder {
  /** A folder for what lies between; whoever asks removes it. */
  readonly work: string;
  readonly output: string;
  /** Debian's part of the version. */
  readonly revision: string;
  /** As dpkg-deb's -Z has it. */
  readonly compression: string;
  /** All times in it. Default: of the environment, or of the last commit. */
  readonly epochSeconds?: number;
}

/** @returns the package's path. @throws Error with what a program had to say */
export function buildPackage(order: PackageOrder): string {
  const { work, output, revision, compression, epochSeconds = sourceDate() } = order;
  const { version } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8")) as { version: string };
  const facts = {
    version: `${version}-${revision}`,
    architecture: execFileSync("dpkg", ["--print-architecture"], { encoding: "utf8" }).trim(),
    epochSeconds,
  };
  const modules = join(work, "modules");
  const root = join(work, "root");
  installProductionModules(PROJECT, modules);
  const manual = join(work, "manual");
  execFileSync(process.execPath, [MANUAL_PROGRAM, manual], { stdio: ["ignore", "ignore", "inherit"] });
  layOut({ project: PROJECT, modules: join(modules, "node_modules"), manual }, root, facts);
  writeControlFiles(PROJECT, root, facts);
  makeUniform(root, facts.epochSeconds);
  mkdirSync(output, { recursive: true });
  const path = join(resolve(output), `tswarm_${facts.version}_${facts.architecture}.deb`);
  // One thread: with several xz cuts the archive at other places.
  const options = ["--root-owner-group", `-Z${compression}`, "--threads-max=1", "--build", root, path];
  execFileSync("dpkg-deb", options, {
    env: { ...process.env, SOURCE_DATE_EPOCH: String(facts.epochSeconds) },
    stdio: ["ignore", "ignore", "inherit"],
  });
  return path;
}

/** Of the environment, or of the last commit: all times in the package, so that the same sources give the same bytes. */
function sourceDate(): number {
  const told = process.env.SOURCE_DATE_EPOCH;
  if (told !== undefined) {
    if (!/^\d{1,11}$/.test(told)) throw new Error(`SOURCE_DATE_EPOCH is "${told}": whole seconds since 1970 are due`);
    return Number(told);
  }
  try {
    const text = execFileSync("git", ["log", "-1", "--format=%ct"], {
      cwd: PROJECT,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
    return Number(text.trim());
  } catch {
    throw new Error("these sources are in no git repository: say their date by SOURCE_DATE_EPOCH");
  }
}

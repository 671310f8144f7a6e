/** What packages of others are in the package, under which licences, as paragraphs of a Debian copyright file. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly author?: string | { readonly name: string };
}

/** @param modules a folder node_modules @param place where it lies on a host, without the leading slash */
export function moduleLicences(modules: string, place: string): string {
  const found = manifests(modules, "").sort((a, b) => (a.path < b.path ? -1 : 1));
  const paragraphs = found.map(({ path, manifest, licenceFile }) =>
    [
      `Files: ${join(place, path)}/*`,
      `Copyright: ${holder(manifest)}`,
      `License: ${(manifest.license ?? "unknown").replaceAll(" AND ", " and ")}`,
      `Comment: ${manifest.name} ${manifest.version}${licenceFile ? `; its text is in /${join(place, path, licenceFile)}` : ""}.`,
    ].join("\n"),
  );
  const licences = new Set(found.flatMap(({ manifest }) => (manifest.license ?? "unknown").split(" AND ")));
  licences.delete("Apache-2.0");
  const texts = [...licences].sort().map((name) => `License: ${name}\n See the files named above.`);
  return [...paragraphs, ...texts].map((paragraph) => `\n${paragraph}\n`).join("");
}

function holder({ name, author }: Manifest): string {
  const text = typeof author === "string" ? author : author?.name;
  return text?.replace(/\s*\(.*?\)\s*$/, "") || `the authors of ${name}`;
}

function manifests(folder: string, path: string): { path: string; manifest: Manifest; licenceFile?: string }[] {
  const result: { path: string; manifest: Manifest; licenceFile?: string }[] = [];
  for (const entry of readdirSync(join(folder, path), { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const here = join(path, entry.name);
    if (entry.name.startsWith("@") && !path.includes("/")) {
      result.push(...manifests(folder, here));
      continue;
    }
    const names = readdirSync(join(folder, here));
    if (!names.includes("package.json")) continue;
    result.push({
      path: here,
      manifest: JSON.parse(readFileSync(join(folder, here, "package.json"), "utf8")) as Manifest,
      licenceFile: names.sort().find((name) => /^(licen[cs]e|copying)/i.test(name)),
    });
    if (names.includes("node_modules")) result.push(...manifests(folder, join(here, "node_modules")));
  }
  return result;
}

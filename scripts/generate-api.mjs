// Compiles proto/ to TypeScript in src/api/generated and, with the JSON mapping, in src/api/generated-json, and to a descriptor set that the tests compare with the wire tables.
// Does nothing when the output is newer than every input.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const out = join(root, "src/api/generated");
const outWithJson = join(root, "src/api/generated-json");
const stamp = join(out, ".stamp");

function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(stat.mtimeMs, ...readdirSync(path).map((name) => newest(join(path, name))));
}

function isFresh() {
  try {
    return statSync(stamp).mtimeMs >= Math.max(newest(join(root, "proto")), statSync(import.meta.filename).mtimeMs);
  } catch {
    return false;
  }
}

/** @param json with the functions that read and write protobuf's JSON mapping, which only commands for people need */
function template(out, json) {
  const opt = [
    "esModuleInterop=true",
    "importSuffix=.js",
    "env=node",
    `outputServices=${json ? "none" : "grpc-js"}`,
    "oneof=unions-value",
    "forceLong=number",
    "useReadonlyTypes=true",
    `outputJsonMethods=${json}`,
    "outputPartialMethods=true",
    "useDate=false",
    "useExactTypes=false",
    "useJsTypeOverride=true",
    "unrecognizedEnum=false",
    "exportCommonSymbols=false",
  ];
  return { version: "v2", plugins: [{ local: bin("protoc-gen-ts_proto"), out, opt }] };
}

const bin = (name) => join(root, "node_modules/.bin", name);
const run = (...args) => execFileSync(bin("buf"), args, { cwd: root, stdio: "inherit" });

if (!isFresh()) {
  for (const [folder, json] of [
    [out, false],
    [outWithJson, true],
  ]) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    run("generate", "proto", "--template", JSON.stringify(template(folder, json)), "--include-imports");
  }
  run("build", "proto", "-o", join(out, "descriptors.binpb"));
  writeFileSync(stamp, "");
}

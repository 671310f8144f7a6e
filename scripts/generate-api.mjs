// Compiles proto/ to TypeScript in src/api/generated, and to a descriptor set that the tests compare with the wire tables.
// Does nothing when the output is newer than every input.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");
const out = join(root, "src/api/generated");
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

if (!isFresh()) {
  const bin = (name) => join(root, "node_modules/.bin", name);
  const template = {
    version: "v2",
    plugins: [
      {
        local: bin("protoc-gen-ts_proto"),
        out,
        opt: [
          "esModuleInterop=true",
          "importSuffix=.js",
          "env=node",
          "outputServices=grpc-js",
          "oneof=unions-value",
          "forceLong=number",
          "useReadonlyTypes=true",
          "outputJsonMethods=true",
          "outputPartialMethods=true",
          "useDate=false",
          "useExactTypes=false",
          "useJsTypeOverride=true",
          "unrecognizedEnum=false",
          "exportCommonSymbols=false",
        ],
      },
    ],
  };
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const run = (...args) => execFileSync(bin("buf"), args, { cwd: root, stdio: "inherit" });
  run("generate", "proto", "--template", JSON.stringify(template), "--include-imports");
  run("build", "proto", "-o", join(out, "descriptors.binpb"));
  writeFileSync(stamp, "");
}

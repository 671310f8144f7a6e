// Compiles proto/ to TypeScript in src/api/generated and, with the JSON mapping, in src/api/generated-json, and to a descriptor set that the tests compare with the wire tables.
// Does nothing when the output is newer than every input.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { writeAuthorizationRules } from "./authorization-rules.mjs";

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
    const programs = [import.meta.filename, join(import.meta.dirname, "authorization-rules.mjs")];
    return statSync(stamp).mtimeMs >= Math.max(...[join(root, "proto"), ...programs].map(newest));
  } catch {
    return false;
  }
}

/** Services with streams, whose callers want a class of their own; every other call goes by the table of its service alone. */
const WITH_CLIENTS = ["docker/swarmkit/v1/dispatcher.proto", "docker/swarmkit/v1/watch.proto", "tswarm/v1/link.proto"];

/**
 * @param json with the functions that read and write protobuf's JSON mapping, which only commands for people need
 * @param clients with classes for callers, which load the whole gRPC library
 */
function template(out, { json = false, clients = false }) {
  const opt = [
    "esModuleInterop=true",
    "importSuffix=.js",
    "env=node",
    `outputServices=${json ? "none" : "grpc-js"}`,
    "oneof=unions-value",
    "forceLong=number",
    "useReadonlyTypes=true",
    `outputJsonMethods=${json}`,
    `outputClientImpl=${clients}`,
    "outputPartialMethods=true",
    "useDate=false",
    "useExactTypes=false",
    "useJsTypeOverride=true",
    "unrecognizedEnum=false",
    "exportCommonSymbols=false",
  ];
  return { version: "v2", plugins: [{ local: bin("protoc-gen-ts_proto"), out, opt }] };
}

/** What is imported for its types alone shall load nothing when it runs. */
function importTypesAsTypes(file) {
  const text = readFileSync(file, "utf8");
  const changed = text.replace(/^import \{((?:\s*type \w+,?)+\s*)\} from/gm, (_, names) => {
    return `import type {${names.replaceAll("type ", "")}} from`;
  });
  if (changed !== text) writeFileSync(file, changed);
}

const bin = (name) => join(root, "node_modules/.bin", name);
const run = (...args) => execFileSync(bin("buf"), args, { cwd: root, stdio: "inherit" });

if (!isFresh()) {
  for (const folder of [out, outWithJson]) {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
  }
  const generate = (template, ...args) => run("generate", "proto", "--template", JSON.stringify(template), ...args);
  generate(template(out, {}), "--include-imports");
  generate(template(out, { clients: true }), ...WITH_CLIENTS.flatMap((file) => ["--path", `proto/${file}`]));
  generate(template(outWithJson, { json: true }), "--include-imports");
  for (const name of readdirSync(out, { recursive: true }))
    if (name.endsWith(".ts")) importTypesAsTypes(join(out, name));
  run("build", "proto", "-o", join(out, "descriptors.binpb"));
  const image = join(out, "image.json");
  run("build", "proto", "-o", image);
  writeAuthorizationRules(image, join(out, "authorization-rules.ts"));
  rmSync(image);
  writeFileSync(stamp, "");
}

/** Encoded messages of any declared type, made from their descriptors: whatever field is added later is in them. */
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import {
  type DescriptorProto,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { readDescriptors } from "../api/wire-table.js";

const MAX_DEPTH = 7;
const TEXTS = ["", "web", "10.0.0.2/24", "grüße 🐝", "a".repeat(41), "ü".repeat(70), "n".repeat(300)];
const NUMBERS = [0, 1, 127, 128, 5000, 1_767_225_600, 4_294_967_295, 4_294_967_296, 2 ** 50 + 3];
const UNKNOWN_FIELD = 1000;

const messages = new Map<string, DescriptorProto>();
function collect(prefix: string, found: readonly DescriptorProto[]): void {
  for (const message of found) {
    const name = `${prefix}.${message.name}`;
    messages.set(name, message);
    collect(name, message.nestedType);
  }
}
for (const file of readDescriptors().file) collect(`.${file.package}`, file.messageType);

/** @param typeName ".docker.swarmkit.v1.Task" @param withUnknown also fields of a version to come */
export function randomMessage(typeName: string, seed: number, withUnknown: boolean): Buffer {
  let state = seed >>> 0;
  const next = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(((state >>> 8) / 2 ** 24) * below);
  };
  const one = <T>(values: readonly T[]) => values[next(values.length)]!;

  function write(name: string, writer: BinaryWriter, depth: number): void {
    const { field: fields } = messages.get(name)!;
    /** Of a oneof one at most is there. */
    const chosen = new Set<number>();
    for (const field of fields) {
      if (next(3) === 0) continue;
      if (Object.hasOwn(field, "oneofIndex")) {
        if (chosen.has(field.oneofIndex)) continue;
        chosen.add(field.oneofIndex);
      }
      const count = field.label === Label.REPEATED ? next(3) : 1;
      for (let i = 0; i < count; i++) writeField(field, writer, depth);
    }
    if (withUnknown && next(4) === 0) writer.uint32(UNKNOWN_FIELD * 8 + 2).string("of a later version");
    if (withUnknown && next(4) === 0) writer.uint32((UNKNOWN_FIELD + 1) * 8).uint32(next(1000));
  }

  function writeField(field: DescriptorProto["field"][number], writer: BinaryWriter, depth: number): void {
    const tag = field.number * 8;
    switch (field.type) {
      case Type.MESSAGE:
        if (depth >= MAX_DEPTH) return;
        writer.uint32(tag + 2).fork();
        write(field.typeName, writer, depth + 1);
        writer.join();
        return;
      case Type.STRING:
        writer.uint32(tag + 2).string(one(TEXTS));
        return;
      case Type.BYTES:
        writer.uint32(tag + 2).bytes(Buffer.alloc(next(200), next(256)));
        return;
      case Type.BOOL:
        writer.uint32(tag).bool(next(2) === 1);
        return;
      case Type.FLOAT:
        writer.uint32(tag + 5).float(next(1000) / 8);
        return;
      case Type.ENUM:
        writer.uint32(tag).int32(next(4));
        return;
      case Type.INT32:
        writer.uint32(tag).int32(next(2) === 0 ? -next(1000) : next(1000));
        return;
      case Type.UINT32:
        writer.uint32(tag).uint32(next(100_000));
        return;
      case Type.INT64:
        writer.uint32(tag).int64(next(3) === 0 ? -one(NUMBERS) : one(NUMBERS));
        return;
      case Type.UINT64:
        writer.uint32(tag).uint64(one(NUMBERS));
        return;
      default:
        throw new Error(`field ${field.name} is of a type that is not made here: ${field.type}`);
    }
  }

  const writer = new BinaryWriter();
  write(typeName, writer, 0);
  return Buffer.from(writer.finish());
}

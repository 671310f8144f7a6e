/** The shape of the wire tables in test/data/wire, and compiled descriptors brought into that shape. */
import { readFileSync } from "node:fs";
import { fromBinary } from "@bufbuild/protobuf";
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  type FileDescriptorProto,
  type FileDescriptorSet,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";

export interface WireField {
  readonly id: number;
  readonly type: string;
  readonly repeated?: boolean;
  readonly oneof?: string;
}

export interface WireMethod {
  readonly request: string;
  readonly response: string;
  readonly requestStream?: boolean;
  readonly responseStream?: boolean;
}

export interface WireTable {
  readonly messages: Readonly<Record<string, Readonly<Record<string, WireField>>>>;
  readonly enums: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly services: Readonly<Record<string, Readonly<Record<string, WireMethod>>>>;
}

const root = new URL("../../../", import.meta.url);

export function readTable(file: string, packageName: string): WireTable {
  const tables = JSON.parse(readFileSync(new URL(`test/data/wire/${file}`, root), "utf8")) as Record<string, WireTable>;
  const table = tables[packageName]!;
  return {
    ...table,
    messages: Object.fromEntries(
      Object.entries(table.messages).map(([name, fields]) => [
        name,
        Object.fromEntries(
          Object.entries(fields).map(([field, wire]) => [field, { ...wire, type: resolve(table, name, wire.type) }]),
        ),
      ]),
    ),
  };
}

/** The tables name types as a source file may: from the innermost scope outwards. */
function resolve(table: WireTable, scope: string, type: string): string {
  const parts = scope.split(".");
  for (let length = parts.length; length > 0; length--) {
    const candidate = `${parts.slice(0, length).join(".")}.${type}`;
    if (table.messages[candidate] || table.enums[candidate]) return candidate;
  }
  return type.startsWith("docker.swarmkit.v1.") ? type.slice("docker.swarmkit.v1.".length) : type;
}

export function readDescriptors(): FileDescriptorSet {
  return fromBinary(FileDescriptorSetSchema, readFileSync(new URL("src/api/generated/descriptors.binpb", root)));
}

/** Everything that the descriptors hold of one package. Types are whole names within the package. */
export function compiledTable(descriptors: FileDescriptorSet, packageName: string): WireTable {
  const table = {
    messages: {} as Record<string, Record<string, WireField>>,
    enums: {} as Record<string, Record<string, number>>,
    services: {} as Record<string, Record<string, WireMethod>>,
  };
  for (const file of descriptors.file.filter((one) => one.package === packageName)) {
    for (const message of file.messageType) addMessage(message, "");
    for (const one of file.enumType) addEnum(one, "");
    addServices(file);
  }
  return table;

  function addMessage(message: DescriptorProto, prefix: string): void {
    if (message.options?.mapEntry) return;
    const name = prefix + message.name;
    table.messages[name] = Object.fromEntries(message.field.map((field) => [field.name, describe(field, message)]));
    for (const nested of message.nestedType) addMessage(nested, `${name}.`);
    for (const nested of message.enumType) addEnum(nested, `${name}.`);
  }

  function addEnum(one: EnumDescriptorProto, prefix: string): void {
    table.enums[prefix + one.name] = Object.fromEntries(one.value.map((value) => [value.name, value.number]));
  }

  function addServices(file: FileDescriptorProto): void {
    for (const service of file.service) {
      table.services[service.name] = Object.fromEntries(
        service.method.map((method) => [
          method.name,
          {
            request: localName(method.inputType),
            response: localName(method.outputType),
            ...(method.clientStreaming ? { requestStream: true } : {}),
            ...(method.serverStreaming ? { responseStream: true } : {}),
          },
        ]),
      );
    }
  }

  function describe(field: DescriptorProto["field"][number], message: DescriptorProto): WireField {
    const entry = message.nestedType.find((one) => one.options?.mapEntry && field.typeName.endsWith(`.${one.name}`));
    const type = entry ? `map<${typeName(entry.field[0]!)},${typeName(entry.field[1]!)}>` : typeName(field);
    // proto3 `optional` makes a oneof of its own; the tables have none.
    const oneof = field.oneofIndex === undefined || !isInOneof(field) ? undefined : message.oneofDecl[field.oneofIndex];
    return {
      id: field.number,
      type,
      ...(field.label === FieldDescriptorProto_Label.REPEATED && !entry ? { repeated: true } : {}),
      ...(oneof && !field.proto3Optional ? { oneof: oneof.name } : {}),
    };
  }

  function typeName(field: DescriptorProto["field"][number]): string {
    return field.typeName ? localName(field.typeName) : FieldDescriptorProto_Type[field.type]!.toLowerCase();
  }

  function localName(full: string): string {
    const own = `.${packageName}.`;
    return full.startsWith(own) ? full.slice(own.length) : full.slice(1);
  }
}

/** The descriptor's oneofIndex has no presence of its own: index 0 of a message without oneofs means none. */
function isInOneof(field: DescriptorProto["field"][number]): boolean {
  return Object.hasOwn(field, "oneofIndex");
}

import type { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";

/** What the generated code has for each message. */
export interface MessageFns<T> {
  encode(message: T, writer?: BinaryWriter): BinaryWriter;
  decode(input: BinaryReader | Uint8Array, length?: number): T;
}

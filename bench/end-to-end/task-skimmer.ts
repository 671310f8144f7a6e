/** What a light agent reads of an order: of tasks no more than it needs, so that the generator takes little of the cores it shares. */
import { BinaryReader } from "@bufbuild/protobuf/wire";

export interface SkimmedTask {
  readonly id: string;
  readonly desiredState: number;
  readonly state: number;
  readonly isRemoved: boolean;
}

export type Skimmed =
  | { readonly kind: "session" }
  | { readonly kind: "heartbeat"; readonly periodMs: number }
  | { readonly kind: "taken"; readonly number: number }
  | { readonly kind: "assignments"; readonly isComplete: boolean; readonly tasks: readonly SkimmedTask[] };

/** Field numbers of tswarm.v1.NodeOrder and what is in it. */
export function skim(bytes: Buffer): Skimmed {
  const reader = new BinaryReader(bytes);
  const field = reader.uint32() >>> 3;
  const end = reader.uint32() + reader.pos;
  if (field === 2) return { kind: "heartbeat", periodMs: readPeriod(reader, end) };
  if (field === 3) return { kind: "taken", number: readNumber(reader, end) };
  if (field !== 4) return { kind: "session" };
  const tasks: SkimmedTask[] = [];
  let isComplete = true;
  each(reader, end, (number) => {
    if (number === 1) isComplete = reader.int32() === 0;
    else if (number === 4) readChange(reader, reader.uint32() + reader.pos, tasks);
    else return false;
    return true;
  });
  return { kind: "assignments", isComplete, tasks };
}

function readChange(reader: BinaryReader, end: number, tasks: SkimmedTask[]): void {
  let task: Omit<SkimmedTask, "isRemoved"> | undefined;
  let isRemoved = false;
  each(reader, end, (number) => {
    if (number === 1) {
      each(reader, reader.uint32() + reader.pos, (item) => {
        if (item !== 1) return false;
        task = readTask(reader, reader.uint32() + reader.pos);
        return true;
      });
    } else if (number === 2) isRemoved = reader.int32() === 1;
    else return false;
    return true;
  });
  if (task) tasks.push({ ...task, isRemoved });
}

function readTask(reader: BinaryReader, end: number): Omit<SkimmedTask, "isRemoved"> {
  let id = "";
  let desiredState = 0;
  let state = 0;
  each(reader, end, (number) => {
    if (number === 1) id = reader.string();
    else if (number === 10) desiredState = reader.int32();
    else if (number === 9) {
      each(reader, reader.uint32() + reader.pos, (part) => {
        if (part !== 2) return false;
        state = reader.int32();
        return true;
      });
    } else return false;
    return true;
  });
  return { id, desiredState, state };
}

function readPeriod(reader: BinaryReader, end: number): number {
  let ms = 0;
  each(reader, end, (number) => {
    if (number !== 1) return false;
    each(reader, reader.uint32() + reader.pos, (part) => {
      if (part === 1) ms += Number(reader.int64()) * 1000;
      else if (part === 2) ms += reader.int32() / 1e6;
      else return false;
      return true;
    });
    return true;
  });
  return ms;
}

function readNumber(reader: BinaryReader, end: number): number {
  let value = 0;
  each(reader, end, (number) => {
    if (number !== 1) return false;
    value = Number(reader.uint64());
    return true;
  });
  return value;
}

/** @param read reads a field that it knows; else it returns false */
function each(reader: BinaryReader, end: number, read: (field: number) => boolean): void {
  while (reader.pos < end) {
    const tag = reader.uint32();
    if (!read(tag >>> 3)) reader.skip(tag & 7, tag >>> 3);
  }
}

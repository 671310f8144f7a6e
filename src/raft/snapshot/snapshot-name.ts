import { padded } from "../wal/segment-name.js";

const SNAPSHOT = /^(\d{16})-(\d{16})\.snap$/;

export interface SnapshotId {
  readonly index: number;
  readonly term: number;
}

export function snapshotName({ index, term }: SnapshotId): string {
  return `${padded(index)}-${padded(term)}.snap`;
}

export function parseSnapshotName(name: string): SnapshotId | undefined {
  const match = SNAPSHOT.exec(name);
  return match ? { index: Number(match[1]), term: Number(match[2]) } : undefined;
}

/** Three members of Debian's etcd on loopback, TLS between them and to clients, as the peer that the log is measured against. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { callUnary, openChannel, type UnaryMethod } from "../../src/api/client-call.js";
import { trustingCredentials } from "../../src/security/transport.js";
import { freePorts } from "./ports.js";

export const PUT_PATH = "/etcdserverpb.KV/Put";

/** etcd's rpc.proto: PutRequest { bytes key = 1; bytes value = 2; } */
export function encodePut(key: string, value: Uint8Array): Uint8Array {
  return new BinaryWriter().uint32(10).string(key).uint32(18).bytes(value).finish();
}

/** StatusResponse { ResponseHeader header = 1 { uint64 member_id = 2; }; uint64 leader = 4; }. @returns whether the member leads */
const STATUS: UnaryMethod<undefined, boolean> = {
  path: "/etcdserverpb.Maintenance/Status",
  requestSerialize: () => Buffer.alloc(0),
  responseDeserialize: (bytes) => {
    const leader = numberField(bytes, 4);
    return leader !== "0" && leader === numberField(bytesField(bytes, 1), 2);
  },
};

const START_TIMEOUT_MS = 20_000;

export class Etcd {
  readonly #directory: string;
  readonly #members: ChildProcess[] = [];
  #clientPorts: readonly number[] = [];

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** @param folder on the disk that is measured */
  static async start(folder: string): Promise<Etcd> {
    const etcd = new Etcd(mkdtempSync(join(folder, "etcd-")));
    try {
      await etcd.#begin();
      return etcd;
    } catch (error) {
      await etcd.stop();
      throw error;
    }
  }

  async #begin(): Promise<void> {
    const ports = await freePorts(6);
    this.#clientPorts = ports.slice(0, 3);
    const peers = ports.slice(3).map((port) => `https://127.0.0.1:${port}`);
    const cluster = peers.map((peer, index) => `m${index}=${peer}`).join();
    for (const [index, port] of this.#clientPorts.entries()) {
      const client = `https://127.0.0.1:${port}`;
      const args = [
        ...["--name", `m${index}`, "--data-dir", join(this.#directory, `m${index}`)],
        ...["--listen-client-urls", client, "--advertise-client-urls", client, "--auto-tls"],
        ...["--listen-peer-urls", peers[index]!, "--initial-advertise-peer-urls", peers[index]!, "--peer-auto-tls"],
        ...["--initial-cluster", cluster, "--initial-cluster-state", "new", "--log-level", "error"],
      ];
      this.#members.push(spawn("etcd", args, { stdio: ["ignore", "ignore", "ignore"] }));
    }
    await this.leader();
  }

  /** The leader's client address, HOST:PORT. */
  async leader(): Promise<string> {
    const end = Date.now() + START_TIMEOUT_MS;
    while (Date.now() < end) {
      for (const port of this.#clientPorts) if (await leads(port)) return `127.0.0.1:${port}`;
      await new Promise((wake) => setTimeout(wake, 100));
    }
    throw new Error(`etcd has no leader after ${START_TIMEOUT_MS / 1000} s`);
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.#members.map(async (member) => {
        if (member.exitCode !== null || member.signalCode !== null) return;
        const ended = once(member, "exit");
        member.kill("SIGKILL");
        await ended;
      }),
    );
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

async function leads(port: number): Promise<boolean> {
  const client = openChannel(`dns:127.0.0.1:${port}`, trustingCredentials());
  try {
    return await callUnary(client, STATUS, undefined, { timeoutMs: 1000 });
  } catch {
    return false;
  } finally {
    client.close();
  }
}

function numberField(bytes: Uint8Array, wanted: number): string {
  return field(bytes, wanted, (reader) => reader.uint64().toString()) ?? "0";
}

function bytesField(bytes: Uint8Array, wanted: number): Uint8Array {
  return field(bytes, wanted, (reader) => reader.bytes()) ?? new Uint8Array();
}

function field<T>(bytes: Uint8Array, wanted: number, read: (reader: BinaryReader) => T): T | undefined {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [number, wireType] = reader.tag();
    if (number === wanted) return read(reader);
    reader.skip(wireType, number);
  }
  return undefined;
}

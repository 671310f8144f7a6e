/**
 * What the agent must know of its own networks after a restart with no manager in reach: its tasks and how far they were in
 * service, its ingress address, and the rows of the others. Without it a restarted agent would take all of that for unwanted.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type EndpointState, RowUpdate } from "../../api/generated/tswarm/v1/link.js";
import type { IngressFacts } from "./data-plane-protocol.js";
import type { LocalTask } from "./local-task.js";
import type { NetworkFacts } from "./network-facts.js";

export interface StoredTask {
  readonly task: LocalTask;
  /** Undefined: it has a sandbox, and its rows are withdrawn. */
  readonly state?: EndpointState;
}

export interface LocalNetworkState {
  readonly tasks: readonly StoredTask[];
  readonly networks: readonly NetworkFacts[];
  readonly ingress?: IngressFacts;
}

const EMPTY: LocalNetworkState = { tasks: [], networks: [] };

export class NetworkStateFile {
  readonly #localFile: string;
  readonly #rowsFile: string;

  constructor(directory: string) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#localFile = join(directory, "local.json");
    this.#rowsFile = join(directory, "rows.binpb");
  }

  readLocal(): LocalNetworkState {
    const bytes = readIfThere(this.#localFile);
    return bytes ? (JSON.parse(bytes.toString()) as LocalNetworkState) : EMPTY;
  }

  readRows(): RowUpdate | undefined {
    const bytes = readIfThere(this.#rowsFile);
    return bytes && RowUpdate.decode(bytes);
  }

  writeLocal(state: LocalNetworkState): void {
    replace(this.#localFile, `${JSON.stringify(state)}\n`);
  }

  writeRows(rows: RowUpdate): void {
    replace(this.#rowsFile, RowUpdate.encode(rows).finish());
  }
}

function readIfThere(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function replace(file: string, content: string | Uint8Array): void {
  const fresh = `${file}.new`;
  writeFileSync(fresh, content, { mode: 0o600 });
  renameSync(fresh, file);
}

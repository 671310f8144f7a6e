/**
 * What the agent must know of its own networks after a restart with no manager in reach: its tasks and how far they were in
 * service, its ingress address, and the rows of the others. Without it a restarted agent would take all of that for unwanted.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
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

  /** One at a time. */
  async writeLocal(state: LocalNetworkState): Promise<void> {
    const fresh = `${this.#localFile}.new`;
    await writeFile(fresh, `${JSON.stringify(state)}\n`, { mode: 0o600 });
    await rename(fresh, this.#localFile);
  }

  writeRows(rows: RowUpdate): void {
    const fresh = `${this.#rowsFile}.new`;
    writeFileSync(fresh, RowUpdate.encode(rows).finish(), { mode: 0o600 });
    renameSync(fresh, this.#rowsFile);
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

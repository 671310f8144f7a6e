/** The manager of a node while the cluster wants one there: its folders, its process, what it may ask of the daemon. */
import { closeSync, fchownSync, openSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ManagerState } from "../api/generated/tswarm/v1/manager.js";
import { InitClusterRequest } from "../api/generated/tswarm/v1/node.js";
import type { IssuedCertificate } from "./identity/renew-certificate.js";
import { LocalManager } from "./local-manager.js";
import { type LocalServer, serveLocally } from "./local-server.js";
import { managerFlags } from "./manager-flags.js";
import { ManagerKeeper } from "./manager-keeper.js";
import { MANAGER_PROGRAM } from "./manager-process.js";
import type { ManagerRunner } from "./manager-runner.js";
import { managerSupportService } from "./manager-support.js";
import { ENABLED_FILE, ManagerUnit } from "./manager-unit.js";
import { canWriteIn, DEFAULT_MANAGER_USER, giveFolder, letThrough, ManagerUserError } from "./manager-user.js";
import type { NodeContext } from "./node-context.js";
import type { ManagerStart } from "./start-plan.js";

export interface NodeManagerOptions extends NodeContext {
  readonly nodeId: string;
  readonly listenAddress: string;
  readonly advertiseAddress: () => string;
  readonly dataPathPort: () => number;
  /** How to start it again: what it was told at first is done by then. */
  readonly restart: () => ManagerStart;
  /** A manager's certificate for this node, in the agent's name. @throws StatusError */
  readonly issue: (csr: Buffer) => Promise<IssuedCertificate>;
  /** Nodes can turn to it, or not any more. */
  readonly onOpen: (isOpen: boolean) => void;
  /** It was taken out of the cluster's managers. */
  readonly onRemoved: () => void;
}

const STATE_MODE = 0o700;
const RUNTIME_MODE = 0o750;
const BOOTSTRAP_FILE = "bootstrap";
const UNLOCKED_LOOK_MS = 300;

export class NodeManager {
  readonly client: LocalManager;
  readonly #options: NodeManagerOptions;
  readonly #runner: ManagerRunner;
  #support: LocalServer | undefined;
  #serving = new AbortController();
  #hasSaidUser = false;

  constructor(options: NodeManagerOptions) {
    const { flags, managerUser, sockets, state, log, managerLog } = options;
    this.#options = options;
    this.client = new LocalManager(sockets.control);
    this.#serving.abort();
    const common = {
      flags: (start: ManagerStart) => this.#flags(start),
      restart: options.restart,
      onServing: (serving: boolean) => this.#onServing(serving),
      onRemoved: () => options.onRemoved(),
      log,
    };
    this.#runner = flags.managerUnit
      ? new ManagerUnit({
          ...common,
          unit: flags.managerUnit,
          folder: state.managerPath,
          user: managerUser,
          look: async () => (await this.client.status()) !== undefined,
        })
      : new ManagerKeeper({
          ...common,
          program: MANAGER_PROGRAM,
          ...(managerUser ? { user: managerUser } : {}),
          managerLog,
        });
  }

  /** Its control socket answers. */
  get isServing(): boolean {
    return !this.#serving.signal.aborted;
  }

  get isKept(): boolean {
    return this.#runner.isKept;
  }

  /** Makes the folders, and opens what the manager may ask. @throws Error with one clear line */
  async prepare(): Promise<void> {
    const { sockets, managerUser, issue, log } = this.#options;
    const folder = dirname(sockets.control);
    // Only a folder of the manager's own is made so: another has its owner.
    if (dirname(sockets.node) !== folder) giveFolder(folder, managerUser, RUNTIME_MODE);
    else if (!canWriteIn(folder, managerUser)) {
      throw new ManagerUserError(
        `--listen-control-api: the manager's user ${managerUser?.name} cannot make a socket in ${folder}: a path that ends in /manager/swarmd.sock is in a folder of its own`,
      );
    }
    this.#support ??= await serveLocally(sockets.support, managerSupportService(issue, log), managerUser, log);
  }

  /** @param bootstrap the cluster that it is to begin @throws Error with the manager's own line when it does not come up */
  async begin(start: ManagerStart, bootstrap?: InitClusterRequest): Promise<void> {
    this.#giveState();
    if (!bootstrap) return this.#runner.begin(start);
    const file = this.#writeBootstrap(bootstrap);
    try {
      await this.#runner.begin({ ...start, bootstrap: file });
    } finally {
      rmSync(file, { force: true });
    }
  }

  /** What goes wrong is tried again. */
  promote(start: ManagerStart): void {
    this.#giveState();
    this.#runner.promote(start);
  }

  /** Resolves when it has ended and will not be started again. */
  async stop(): Promise<void> {
    await this.#runner.stop();
  }

  /** The daemon ends. */
  async release(): Promise<void> {
    await this.#runner.release();
    this.#serving.abort();
    await this.#support?.close();
    this.#support = undefined;
  }

  /** With its certificates. */
  dropState(): void {
    this.#options.state.dropManager();
  }

  #giveState(): void {
    const { state, managerUser, log } = this.#options;
    if (!managerUser && !this.#hasSaidUser) {
      this.#hasSaidUser = true;
      log(
        `the manager runs as root: with a user ${DEFAULT_MANAGER_USER}, or another (--manager-user), it has no rights`,
      );
    }
    letThrough(state.path, managerUser);
    giveFolder(state.managerPath, managerUser, STATE_MODE);
  }

  #flags(start: ManagerStart): readonly string[] {
    const { nodeId, state, sockets, listenAddress, advertiseAddress, dataPathPort, flags } = this.#options;
    return managerFlags(
      {
        nodeId,
        stateDir: state.managerPath,
        sockets,
        listenAddress,
        advertiseAddress: advertiseAddress(),
        dataPathPort: dataPathPort(),
        heartbeatPeriodMs: flags.heartbeatPeriodMs,
        election: flags.election,
        ...(flags.managerUnit ? { enabledFile: join(state.managerPath, ENABLED_FILE) } : {}),
      },
      start,
    );
  }

  /** It may hold the key of a root: the manager alone can read it. */
  #writeBootstrap(request: InitClusterRequest): string {
    const { state, managerUser } = this.#options;
    const path = join(state.managerPath, BOOTSTRAP_FILE);
    rmSync(path, { force: true });
    const file = openSync(path, "wx", 0o600);
    try {
      if (managerUser) fchownSync(file, managerUser.uid, managerUser.gid);
      writeFileSync(file, InitClusterRequest.encode(request).finish());
    } finally {
      closeSync(file);
    }
    return path;
  }

  #onServing(serving: boolean): void {
    this.#serving.abort();
    if (!serving) {
      this.#options.onOpen(false);
      return;
    }
    this.#serving = new AbortController();
    void this.#untilOpen(this.#serving.signal);
  }

  /** While it is locked it has no door for nodes. */
  async #untilOpen(signal: AbortSignal): Promise<void> {
    for (;;) {
      const state = (await this.client.status())?.state;
      if (signal.aborted) return;
      if (state !== undefined && state !== ManagerState.MANAGER_LOCKED) return this.#options.onOpen(true);
      await sleep(UNLOCKED_LOOK_MS, undefined, { ref: false });
    }
  }
}

import type { Command } from "commander";
import { type CommandMaker, repeated } from "../command-maker.js";

/** The commands that make a node a member of a swarm, and those for the swarm as a whole. */
export function addSwarmCommands(program: Command, maker: CommandMaker): void {
  addAddressFlags(
    maker.leaf(
      program,
      "init",
      "Begin a swarm, with this node as its first manager",
      async () => (await import("../swarm/init.js")).init,
    ),
  )
    .option("--data-path-port <port>", "UDP port of the overlays, 1024 to 49151 (default 4789)")
    .option(
      "--default-addr-pool <cidr>",
      "where subnets of networks are cut from (default 10.0.0.0/8; may be repeated)",
      repeated,
    )
    .option("--default-addr-pool-mask-length <bits>", "size of such a subnet (default 24)")
    .option("--autolock", "managers that restart wait for the unlock key")
    .option("--availability <availability>", "of this node: active, pause or drain (default active)")
    .option("--cert-expiry <duration>", "how long certificates of nodes are valid (default 2160h)")
    .option("--dispatcher-heartbeat <duration>", "how often nodes tell a manager that they live (default 5s)")
    .option(
      "--external-ca <ca>",
      "protocol=cfssl,url=URL,cacert=FILE: who signs certificates of nodes (may be repeated)",
      repeated,
    )
    .option("--force-new-cluster", "begin anew from what this manager's log holds, with it as the only manager")
    .option("--max-snapshots <number>", "old snapshots of the managers' log that are kept (default 0)")
    .option("--snapshot-interval <entries>", "entries of the managers' log between two snapshots (default 10000)")
    .option("--task-history-limit <number>", "ended tasks that are kept for each slot of a service (default 5)");
  addAddressFlags(
    maker.leaf(
      program,
      "join <host:port...>",
      "Make this node a member of a swarm, by one of its managers or several",
      async () => (await import("../swarm/join.js")).join,
    ),
  )
    .option("--token <token>", "join token; others on this host can see it while tsctl runs")
    .option("--token-file <path>", "file with the join token, - for standard input")
    .option("--availability <availability>", "of this node: active, pause or drain (default active)");
  addLeave(program, maker);
  maker
    .leaf(
      program,
      "join-token <role>",
      "Show what a worker or a manager joins by",
      async () => (await import("../swarm/join-token.js")).joinToken,
    )
    .option("--rotate", "make a new token first: the old one lets nobody in any more")
    .option("-q, --quiet", "print the token alone");
  maker
    .leaf(
      program,
      "ca",
      "Show the root certificate of the swarm, or change it",
      async () => (await import("../swarm/ca.js")).ca,
    )
    .option("--rotate", "give the swarm another root; the cluster makes one unless --ca-cert is given")
    .option("--ca-cert <path>", "PEM file with the certificate of the new root")
    .option("--ca-key <path>", "PEM file with its key")
    .option("--cert-expiry <duration>", "how long certificates of nodes are valid")
    .option(
      "--external-ca <ca>",
      "protocol=cfssl,url=URL,cacert=FILE: who signs for the new root (may be repeated)",
      repeated,
    )
    .option("-d, --detach", "do not wait until all nodes have certificates of the new root")
    .option("-q, --quiet", "wait without showing progress");
  addUpdate(program, maker);
  addUnlock(program, maker);
  addUnlockKey(program, maker);
  maker.leaf(
    program,
    "info",
    "Show this node's part in the swarm and, on a manager, the swarm's settings",
    async () => (await import("../swarm/info.js")).info,
  );
}

function addAddressFlags(command: Command): Command {
  return command
    .option("--advertise-addr <address>", "ADDRESS[:PORT] or INTERFACE[:PORT] at which others reach this node")
    .option("--listen-addr <address>", "where a manager listens for others (default 0.0.0.0:2377)")
    .option(
      "--data-path-addr <address>",
      "ADDRESS or INTERFACE that carries the overlays (default as --advertise-addr)",
    );
}

export function addLeave(parent: Command, maker: CommandMaker): void {
  maker
    .leaf(
      parent,
      "leave",
      "End this node's part in the swarm, and its tasks",
      async () => (await import("../swarm/leave.js")).leave,
    )
    .option("-f, --force", "also a manager that the swarm still counts on");
}

export function addUpdate(parent: Command, maker: CommandMaker): void {
  maker
    .leaf(
      parent,
      "update",
      "Change settings of the swarm",
      async () => (await import("../cluster/update.js")).updateCluster,
    )
    .option("--autolock [on]", "true or false: managers that restart wait for the unlock key")
    .option("--cert-expiry <duration>", "how long certificates of nodes are valid, from the next one on")
    .option(
      "--external-ca <ca>",
      "protocol=cfssl,url=URL,cacert=FILE: who signs certificates of nodes (may be repeated)",
      repeated,
    )
    .option("--dispatcher-heartbeat <duration>", "how often nodes tell a manager that they live")
    .option("--max-snapshots <number>", "old snapshots of the managers' log that are kept")
    .option("--snapshot-interval <entries>", "entries of the managers' log between two snapshots")
    .option("--log-entries-for-slow-followers <entries>", "entries kept after a snapshot, for managers that lag")
    .option("--task-history-limit <number>", "ended tasks that are kept for each slot of a service");
}

export function addUnlock(parent: Command, maker: CommandMaker): void {
  maker.leaf(
    parent,
    "unlock",
    "Open the log of a locked manager; the key is asked for, or read from standard input",
    async () => (await import("../cluster/unlock.js")).unlock,
  );
}

export function addUnlockKey(parent: Command, maker: CommandMaker): void {
  maker
    .leaf(
      parent,
      "unlock-key",
      "Show the key that opens locked managers",
      async () => (await import("../cluster/unlock-key.js")).unlockKey,
    )
    .option("--rotate", "make a new key first")
    .option("-q, --quiet", "print the key alone");
}

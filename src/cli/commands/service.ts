import type { Command } from "commander";
import { type CommandMaker, repeated } from "../command-maker.js";
import { addListFlags, addWaitFlags } from "./flags.js";
import { addLogFlags } from "./log-flags.js";
import { addFileFlags, addHealthFlags, addRightsFlags } from "./runtime-flags.js";
import { addPlacementFlags, addPolicyFlags, addResourceFlags } from "./service-flags.js";

export function addServiceCommands(program: Command, maker: CommandMaker): void {
  const service = maker
    .group("service", "Create, list, inspect, scale, update, roll back and remove services")
    .alias("svc");
  program.addCommand(service);
  addCreate(service, maker);
  addListFlags(
    maker.leaf(service, "ls", "List services", async () => (await import("../service/list.js")).listServicesCommand),
  ).alias("list");
  addListFlags(
    maker.leaf(
      service,
      "ps <service...>",
      "List the tasks of services, newest first in each slot",
      async () => (await import("../service/tasks.js")).listServiceTasks,
    ),
  )
    .alias("tasks")
    .option(
      "-f, --filter <key=value>",
      "only tasks with desired-state=, node=, name= or id= (may be repeated; values of one key are alternatives)",
      repeated,
    );
  maker.leaf(
    service,
    "inspect <service...>",
    "Show all that is known of services",
    async () => (await import("../service/inspect.js")).inspectServices,
  );
  addLogFlags(
    maker.leaf(
      service,
      "logs <service...>",
      "Show what the tasks of services have written, from all nodes, in the order of time. Takes tasks too",
      async () => (await import("../logs/commands.js")).serviceLogs,
    ),
  ).addHelpText(
    "after",
    "\nExamples:\n  tsctl service logs -f --tail 20 web\n  tsctl service logs --since 10m --raw web",
  );
  addWaitFlags(
    maker.leaf(
      service,
      "scale <service=replicas...>",
      "Change how many replicas services have",
      async () => (await import("../service/scale.js")).scaleServices,
    ),
  ).addHelpText("after", "\nExample:\n  tsctl service scale web=5 api=2");
  addUpdate(service, maker);
  addPlan(service, maker);
  addRebalance(service, maker);
  addWaitFlags(
    maker.leaf(
      service,
      "rollback <service>",
      "Go back to the specification before the last update",
      async () => (await import("../service/rollback.js")).rollBackServiceCommand,
    ),
  );
  maker
    .leaf(
      service,
      "rm <service...>",
      "Remove services",
      async () => (await import("../service/remove.js")).removeServices,
    )
    .alias("remove");
}

function addCreate(service: Command, maker: CommandMaker): void {
  const create = maker
    .leaf(
      service,
      "create [command...]",
      "Create a service. Flags stand before COMMAND (process) or IMAGE COMMAND (container)",
      async () => (await import("../service/create.js")).createService,
    )
    .passThroughOptions()
    .option("--name <name>", "name of the service (needed)")
    .option("--runtime <runtime>", "process: COMMAND on the hosts' files; container: IMAGE (default process)")
    .option("--mode <mode>", "replicated, global, replicated-job or global-job (default replicated)")
    .option("--replicas <number>", "how many tasks; of a replicated job, how many completions (default 1)")
    .option("--max-concurrent <number>", "tasks of a replicated job that run at once (default as --replicas)")
    .option("-l, --label <key=value>", "label of the service (may be repeated)", repeated)
    .optionsGroup("Networks:")
    .option("--network <network>", "NETWORK or NETWORK,alias=NAME (may be repeated)", repeated)
    .option(
      "-p, --publish <port>",
      "8080:80, 8080:80/udp, or published=8080,target=80,protocol=tcp,mode=ingress|host (may be repeated)",
      repeated,
    )
    .option("--endpoint-mode <mode>", "vip or dnsrr (default vip)")
    .optionsGroup("Command:")
    .option("-e, --env <name=value>", "environment variable; NAME alone takes tsctl's own (may be repeated)", repeated)
    .option("--env-file <path>", "file with environment variables, one a line (may be repeated)", repeated);
  addCommandFlags(create);
  addFileFlags(create, "create");
  addRightsFlags(create, "create");
  addHealthFlags(create);
  addResourceFlags(create, "create");
  addPlacementFlags(create, "create");
  addPolicyFlags(create);
  addWaitFlags(create).addHelpText(
    "after",
    `
Examples:
  tsctl service create --name web --replicas 3 --network shop --publish 8080:80 -- node server.js
  tsctl service create --name agent --mode global --limit-memory 64M -- /usr/bin/my-agent --verbose
  tsctl service create --name report --mode replicated-job --replicas 10 --max-concurrent 2 -- node report.js
  tsctl service create --name cache --runtime container --network shop,alias=store redis:7`,
  );
}

function addCommandFlags(command: Command): void {
  command
    .option("-u, --user <user>", "USER or USER:GROUP, names or numbers")
    .option("--group <group>", "further group (may be repeated)", repeated)
    .option("-w, --dir <path>", "working directory (default /)")
    .option("--workdir <path>", "the same as --dir")
    .option("--hostname <name>", "host name that the tasks see")
    .option("--host <name:address>", "further line of /etc/hosts (may be repeated)", repeated)
    .option("--dns <address>", "name server of its own (may be repeated)", repeated)
    .option("--dns-search <domain>", "search domain (may be repeated)", repeated)
    .option("--dns-option <option>", "option of the resolver (may be repeated)", repeated)
    .option("--stop-signal <signal>", "signal that stops a task (default SIGTERM)")
    .option("--stop-grace-period <duration>", "time to stop before it is killed (default 10s)");
}

function addUpdate(service: Command, maker: CommandMaker): void {
  const update = maker
    .leaf(
      service,
      "update <service> [command...]",
      "Change a service. A COMMAND after -- replaces the one it has (with --runtime container: the arguments)",
      async () => (await import("../service/update.js")).updateService,
    )
    .option("--force", "replace all tasks even when nothing changed")
    .option("--rollback", "go back to the specification before the last update");
  addChangeFlags(update);
  addWaitFlags(update).addHelpText(
    "after",
    `
Examples:
  tsctl service update web --replicas 5
  tsctl service update web --publish-rm 80 --publish-add 8081:80
  tsctl service update web --env-add LEVEL=debug -- node server.js --verbose`,
  );
}

function addPlan(service: Command, maker: CommandMaker): void {
  const plan = maker
    .leaf(
      service,
      "plan <service> [command...]",
      "Show what an update would replace, and where its tasks would go; nothing is changed",
      async () => (await import("../service/plan.js")).planService,
    )
    .option("--force", "as if all tasks were to be replaced");
  addChangeFlags(plan);
  plan.addHelpText(
    "after",
    "\nExample:\n  tsctl service plan web --replicas 50 --constraint-add node.labels.disk==ssd",
  );
}

function addRebalance(service: Command, maker: CommandMaker): void {
  maker
    .leaf(
      service,
      "rebalance <service>",
      "Spread a service over the nodes anew, as its updates go; its tasks move where others have less to do",
      async () => (await import("../service/rebalance.js")).rebalanceService,
    )
    .option("--dry-run", "only show what would move");
}

/** What `update` changes and `plan` looks ahead for. */
function addChangeFlags(command: Command): void {
  command
    .option("--image <image>", "image of a container service")
    .option("--replicas <number>", "how many tasks; of a replicated job, how many completions")
    .option("--max-concurrent <number>", "tasks of a replicated job that run at once")
    .option("--label-add <key=value>", "add or change a label (may be repeated)", repeated)
    .option("--label-rm <key>", "remove a label (may be repeated)", repeated)
    .optionsGroup("Networks:")
    .option("--publish-add <port>", "publish a port, as --publish of create (may be repeated)", repeated)
    .option("--publish-rm <port>", "stop publishing: 80, 80/udp or 8080:80, by target port (may be repeated)", repeated)
    .option("--network-add <network>", "join a network, as --network of create (may be repeated)", repeated)
    .option("--network-rm <network>", "leave a network (may be repeated)", repeated)
    .option("--endpoint-mode <mode>", "vip or dnsrr")
    .optionsGroup("Command:")
    .option("--env-add <name=value>", "add or change an environment variable (may be repeated)", repeated)
    .option("--env-rm <name>", "remove an environment variable (may be repeated)", repeated);
  addCommandFlags(command);
  for (const [flag, value, what] of [
    ["group", "group", "a further group"],
    ["host", "name:address", "a line of /etc/hosts"],
    ["dns", "address", "a name server"],
    ["dns-search", "domain", "a search domain"],
    ["dns-option", "option", "an option of the resolver"],
  ] as const) {
    command
      .option(`--${flag}-add <${value}>`, `add ${what} (may be repeated)`, repeated)
      .option(`--${flag}-rm <${value}>`, `remove ${what} (may be repeated)`, repeated);
  }
  addFileFlags(command, "update");
  addRightsFlags(command, "update");
  addHealthFlags(command);
  addResourceFlags(command, "update");
  addPlacementFlags(command, "update");
  addPolicyFlags(command);
}

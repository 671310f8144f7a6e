import type { Command } from "commander";
import type { CommandMaker } from "../command-maker.js";

export function addDoctorCommand(program: Command, maker: CommandMaker): void {
  maker
    .leaf(
      program,
      "doctor",
      "Probe what this host can do, whether tswarmd answers, and how safe this node stands",
      async () => (await import("../doctor/doctor.js")).doctor,
    )
    .addHelpText(
      "after",
      "\nWorks without a running tswarmd. Probes run in namespaces of their own; without root they say so.",
    );
}

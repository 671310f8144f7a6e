#!/usr/bin/env node
/** `remove.js STATE_DIR`: what the removal of the package has done before the programs go. The node may come again as what it was. */
import { existsSync } from "node:fs";
import { clearHost } from "./clear-host.js";
import { logTo } from "./log.js";
import { readMembership } from "./membership.js";
import { StateDirectory } from "./state-directory.js";

const stateDir = process.argv[2];
try {
  if (!stateDir) throw new Error("the state folder is due");
  const membership = existsSync(stateDir) ? readMembership(stateDir) : undefined;
  if (membership) {
    const state = StateDirectory.open(stateDir);
    try {
      await clearHost(stateDir, membership.nodeId, logTo(process.stderr, "tswarmd"));
    } finally {
      state.unlock();
    }
  }
} catch (error) {
  process.stderr.write(`tswarmd: ${(error as Error).message}\n`);
  process.exitCode = 1;
}

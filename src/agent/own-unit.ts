/** Whether systemd started this very process: then the process may be in a sandbox that is not for its tasks. */
import { existsSync } from "node:fs";

/** There only when systemd is process 1, see sd_booted(3). */
const SYSTEMD_FOLDER = "/run/systemd/system";

/**
 * @param environment its SYSTEMD_EXEC_PID counts, see systemd.exec(5): whoever is started by a unit's process inherits the variable,
 *   but has another number
 */
export function isUnitProcess(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  pid: number = process.pid,
  exists: (path: string) => boolean = existsSync,
): boolean {
  return environment.SYSTEMD_EXEC_PID === String(pid) && exists(SYSTEMD_FOLDER);
}

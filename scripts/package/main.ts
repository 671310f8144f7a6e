/** `npm run package`: builds the Debian package of what is in build/. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildPackage } from "./build-package.js";

const { values } = parseArgs({
  options: {
    output: { type: "string", default: "build" },
    revision: { type: "string", default: "1" },
    /** Of the archive; "none" where only the content counts. */
    compression: { type: "string", default: "xz" },
  },
});
const work = mkdtempSync(join(tmpdir(), "tswarm-package-"));
try {
  console.log(
    buildPackage({ work, output: values.output, revision: values.revision, compression: values.compression }),
  );
} catch (error) {
  console.error(`package: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}

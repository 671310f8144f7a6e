import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { buildPackage } from "../../scripts/package/build-package.js";
import { debianChangelog, mailDate } from "../../scripts/package/changelog.js";
import { controlText } from "../../scripts/package/control-files.js";
import { PROJECT } from "../sources.js";

const FACTS = { version: "1.2.3-4", architecture: "amd64", epochSeconds: 1_700_000_000 };

test("the same sources give the same bytes, and they are a Debian package with all that it should hold", (t) => {
  const work = mkdtempSync(join(tmpdir(), "tswarm-package-test-"));
  t.teardown(() => rmSync(work, { recursive: true, force: true }));
  const build = (name: string) => {
    mkdirSync(join(work, name));
    return buildPackage({
      work: join(work, name),
      output: join(work, `${name}.out`),
      revision: "1",
      compression: "gzip",
      epochSeconds: FACTS.epochSeconds,
    });
  };
  const [first, second] = [build("one"), build("two")];
  const digest = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");
  t.is(digest(first), digest(second));

  const field = (name: string) => execFileSync("dpkg-deb", ["--field", first, name], { encoding: "utf8" }).trim();
  const { version } = JSON.parse(readFileSync(join(PROJECT, "package.json"), "utf8")) as { version: string };
  t.is(field("Version"), `${version}-1`);
  t.regex(field("Depends"), /nodejs \(>= 20\.19/);
  t.true(Number(field("Installed-Size")) > 1000);

  const root = join(work, "unpacked");
  execFileSync("dpkg-deb", ["--raw-extract", first, root]);
  for (const path of [
    "etc/default/tswarmd",
    "lib/systemd/system/tswarmd.service",
    "lib/systemd/system/tswarm-manager.service",
    "lib/systemd/system/tswarm-manager.path",
    "usr/lib/sysusers.d/tswarm.conf",
    "usr/lib/tswarm/package.json",
    "usr/lib/tswarm/build/src/manager/main.js",
    "usr/share/man/man1/tsctl.1.gz",
    "usr/share/man/man8/tswarmd.8.gz",
    "usr/share/bash-completion/completions/tsctl",
    "usr/share/zsh/vendor-completions/_tsctl",
    "usr/share/fish/vendor_completions.d/tsctl.fish",
    "usr/share/doc/tswarm/copyright",
    "usr/share/doc/tswarm/changelog.gz",
    "usr/share/doc/tswarm/changelog.Debian.gz",
    "usr/share/doc/tswarm/install.md.gz",
  ]) {
    t.true(statSync(join(root, path)).isFile(), path);
  }
  t.is(readFileSync(join(root, "DEBIAN/conffiles"), "utf8"), "/etc/default/tswarmd\n");
  for (const program of ["usr/bin/tsctl", "usr/sbin/tswarmd"]) {
    const help = execFileSync(join(root, program), ["--help"], { encoding: "utf8" });
    t.regex(help, /^Usage: (tsctl|tswarmd)/m, program);
  }
  for (const script of ["postinst", "prerm", "postrm"]) {
    execFileSync("sh", ["-n", join(root, "DEBIAN", script)]);
    t.is(statSync(join(root, "DEBIAN", script)).mode & 0o777, 0o755);
  }
  const modules = execFileSync("find", [join(root, "usr/lib/tswarm/node_modules"), "-name", "*.ts"], {
    encoding: "utf8",
  });
  t.is(modules, "", "nothing that only compilers read");
  t.is(execFileSync("find", [root, "-path", "*/ava"], { encoding: "utf8" }), "", "nothing for development");

  const lintian = execFileSync("lintian", ["--fail-on", "none", "--tag-display-limit", "0", first], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  t.deepEqual(
    lintian.split("\n").filter((line) => line.startsWith("E:")),
    [],
  );
});

test("times are as in mail", (t) => {
  t.is(mailDate(0), "Thu, 01 Jan 1970 00:00:00 +0000");
  t.is(mailDate(1_700_000_000), "Tue, 14 Nov 2023 22:13:20 +0000");
});

test("the changelog is one that dpkg can read", (t) => {
  const work = mkdtempSync(join(tmpdir(), "tswarm-changelog-"));
  t.teardown(() => rmSync(work, { recursive: true, force: true }));
  const path = join(work, "changelog");
  writeFileSync(path, debianChangelog(FACTS.version, FACTS.epochSeconds));
  const parsed = execFileSync("perl", ["-MDpkg::Changelog::Debian", "-e", PARSE, path], { encoding: "utf8" });
  t.is(parsed, "tswarm 1.2.3-4, not understood: 0");
});

/** Source, version, and how many lines could not be read. */
const PARSE = `my $c = Dpkg::Changelog::Debian->new(); $c->load($ARGV[0]); my $e = @{$c}[0]; my @wrong = $c->get_parse_errors();
print $e->get_source(), " ", $e->get_version(), ", not understood: ", scalar @wrong;`;

test("the description of the package takes only names that have a value", (t) => {
  t.is(controlText("V @VERSION@ @ARCHITECTURE@ @INSTALLED_SIZE@", FACTS, 7), "V 1.2.3-4 amd64 7");
  t.throws(() => controlText("@WHAT@", FACTS, 7), { message: /@WHAT@/ });
});

/** The package's own changelog in Debian's form (Debian Policy 4.4). Pure. */

const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"] as const;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"] as const;

export const MAINTAINER = "tswarm developers <tswarm@localhost.invalid>";

export function debianChangelog(version: string, epochSeconds: number): string {
  return [
    `tswarm (${version}) unstable; urgency=medium`,
    "",
    "  * Release of tswarm; what changed is in changelog.gz.",
    "",
    ` -- ${MAINTAINER}  ${mailDate(epochSeconds)}`,
    "",
  ].join("\n");
}

/** As in RFC 5322, in UTC: "Sun, 02 Mar 2025 10:11:12 +0000". */
export function mailDate(epochSeconds: number): string {
  const at = new Date(epochSeconds * 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  const time = [at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()].map(two).join(":");
  return `${DAYS[at.getUTCDay()]}, ${two(at.getUTCDate())} ${MONTHS[at.getUTCMonth()]} ${at.getUTCFullYear()} ${time} +0000`;
}

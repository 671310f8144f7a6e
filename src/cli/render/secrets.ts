/** Join tokens and unlock keys, whole or with a typing error in them. */
const SECRETS = /\b(SWMTKN|SWMKEY)-[A-Za-z0-9+/=-]+/gi;

/** A text for errors and progress: whatever somebody typed in a wrong place, no secret is repeated. */
export function withoutSecrets(text: string): string {
  return text.replace(SECRETS, "$1-…");
}

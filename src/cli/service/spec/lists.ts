/** Lists of a command's surroundings that `service update` adds to and takes from, as docker's does. */
import { UsageError } from "../../failure.js";
import { type FlagReader, nonEmpty } from "../../flag-reader.js";
import { parseAddress, parseHost } from "../../values/address.js";

/** The lists as a process has them. */
export interface Lists {
  readonly groups: readonly string[];
  readonly hosts: readonly string[];
  readonly dnsNameservers: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
}

interface ListEdit {
  readonly flag: string;
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

export type ListEdits = Readonly<Record<keyof Lists, ListEdit>>;

const DNS_LISTS = ["dnsNameservers", "dnsSearch", "dnsOptions"] as const;

/** Reads --group-add, --group-rm and so on. @throws UsageError */
export function readListEdits(flags: FlagReader): ListEdits {
  const edit = (flag: string, parse: (text: string, flag: string) => string): ListEdit => ({
    flag,
    add: flags.values(`${flag}-add`, parse),
    remove: flags.values(`${flag}-rm`, parse),
  });
  return {
    groups: edit("--group", nonEmpty),
    hosts: edit("--host", parseHost),
    dnsNameservers: edit("--dns", parseAddress),
    dnsSearch: edit("--dns-search", nonEmpty),
    dnsOptions: edit("--dns-option", nonEmpty),
  };
}

/** @throws UsageError when what is to be removed is not there */
export function editLists(current: Lists, edits: ListEdits | undefined): Lists {
  const list = (name: keyof Lists) => (edits ? editList(current[name], edits[name]) : current[name]);
  return {
    groups: list("groups"),
    hosts: list("hosts"),
    dnsNameservers: list("dnsNameservers"),
    dnsSearch: list("dnsSearch"),
    dnsOptions: list("dnsOptions"),
  };
}

export function asksForLists(edits: ListEdits | undefined): boolean {
  return edits !== undefined && Object.values(edits).some(asks);
}

export function asksForDns(edits: ListEdits | undefined): boolean {
  return edits !== undefined && DNS_LISTS.some((name) => asks(edits[name]));
}

function asks({ add, remove }: ListEdit): boolean {
  return add.length + remove.length > 0;
}

function editList(current: readonly string[], { flag, add, remove }: ListEdit): readonly string[] {
  for (const text of remove) {
    if (!current.includes(text)) throw new UsageError(`${flag}-rm: the service has no ${text}`);
  }
  const kept = current.filter((text) => !remove.includes(text));
  return [...kept, ...add.filter((text) => !kept.includes(text))];
}

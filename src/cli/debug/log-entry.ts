/** What one entry of the managers' log says, for people: no payload, and nothing of a secret but its name. */
import { RaftMember } from "../../api/generated/docker/swarmkit/v1/raft.js";
import { ConfChange, ConfChangeType, ConfChangeV2, type Entry, EntryType } from "../../api/generated/raftpb/raft.js";
import { type Change, versionOf } from "../../store/change.js";
import { EntryCodec } from "../../store/encoding/entry-codec.js";

export interface EntryView {
  readonly index: number;
  readonly term: number;
  readonly bytes: number;
  /** One line for each change; none in the entry that a new leader begins its term with. */
  readonly changes: readonly ChangeView[];
  /** What could not be read. */
  readonly notes: readonly string[];
}

export type ChangeView =
  | {
      readonly action: Change["action"];
      readonly kind: string;
      readonly id: string;
      readonly name: string;
      /** What the object's version is by this change; 0 of a removal. */
      readonly version: number;
    }
  | {
      readonly action: "add-member" | "remove-member" | "update-member" | "add-learner";
      readonly raftId: string;
      readonly nodeId: string;
      readonly address: string;
    };

const codec = new EntryCodec();

export function viewEntry({ Index: index, Term: term, Type: type, Data: data }: Entry): EntryView {
  const notes: string[] = [];
  let changes: readonly ChangeView[] = [];
  try {
    if (type === EntryType.EntryConfChange) changes = [viewMember(ConfChange.decode(data))];
    else if (type === EntryType.EntryConfChangeV2) changes = viewMembers(ConfChangeV2.decode(data));
    else changes = codec.decode(data, (reason) => notes.push(reason)).map(viewChange);
  } catch (error) {
    notes.push(`its data cannot be read: ${(error as Error).message}`);
  }
  return { index, term, bytes: data.length, changes, notes };
}

/** `create service x3… web (version 17)` */
export function changeText(change: ChangeView): string {
  if ("raftId" in change) {
    const where = [change.nodeId && `node ${change.nodeId}`, change.address].filter(Boolean).join(" at ");
    return `${change.action.replace("-", " ")} ${change.raftId}${where ? ` (${where})` : ""}`;
  }
  const { action, kind, id, name, version } = change;
  return `${action} ${kind} ${id}${name ? ` ${name}` : ""}${version > 0 ? ` (version ${version})` : ""}`;
}

function viewChange({ kind, action, object }: Change): ChangeView {
  return { action, kind, id: object.id, name: nameOf(object), version: action === "remove" ? 0 : versionOf(object) };
}

interface Named {
  readonly annotations?: { readonly name: string } | undefined;
  readonly spec?: { readonly annotations?: { readonly name: string } | undefined } | undefined;
  readonly description?: { readonly hostname?: string } | undefined;
  readonly serviceAnnotations?: { readonly name: string } | undefined;
  readonly slot?: number;
}

/** Of a task its service and slot, of a node its host. */
function nameOf(object: object): string {
  const { annotations, spec, description, serviceAnnotations, slot } = object as Named;
  if (serviceAnnotations?.name) return slot ? `${serviceAnnotations.name}.${slot}` : serviceAnnotations.name;
  return spec?.annotations?.name || annotations?.name || description?.hostname || "";
}

const MEMBER_ACTIONS = {
  [ConfChangeType.ConfChangeAddNode]: "add-member",
  [ConfChangeType.ConfChangeRemoveNode]: "remove-member",
  [ConfChangeType.ConfChangeUpdateNode]: "update-member",
  [ConfChangeType.ConfChangeAddLearnerNode]: "add-learner",
} as const;

function viewMember(change: Pick<ConfChange, "type" | "nodeId" | "context">): ChangeView {
  const action = MEMBER_ACTIONS[change.type];
  if (!action) throw new RangeError(`membership change ${change.type} is not known`);
  const { nodeId, addr } = RaftMember.decode(change.context);
  return { action, raftId: BigInt(change.nodeId).toString(16), nodeId, address: addr };
}

function viewMembers({ changes, context }: ConfChangeV2): readonly ChangeView[] {
  return changes.map((change) => viewMember({ ...change, context }));
}

import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from "../netlink/constants.js";
import type { MessageWriter } from "../netlink/message-writer.js";

/** One change of the kernel's state: a value that can be collected, described and sent, alone or among many. */
export interface RouteOperation {
  /** What is asked, in words: `replace neighbour 10.0.1.4 at 02:42:0a:00:01:04 on link 7`. */
  readonly describe: () => string;
  /** Writes exactly one message. @throws RangeError for an address that is none */
  readonly write: (writer: MessageWriter) => void;
}

/** add: refused with EEXIST when it is there. replace: made, or changed to be so. append: one more beside those of its key. */
export type CreateMode = "add" | "replace" | "append";

export const CREATE_FLAGS: Readonly<Record<CreateMode, number>> = {
  add: NLM_F_CREATE | NLM_F_EXCL,
  replace: NLM_F_CREATE | NLM_F_REPLACE,
  append: NLM_F_CREATE | NLM_F_APPEND,
};

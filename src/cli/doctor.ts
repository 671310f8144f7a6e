import type { Action } from "./invocation.js";

/** `tsctl doctor` */
export const doctor: Action = async () => undefined;

/** Network namespaces: make, name, enter, list, remove; settings, sockets and programs inside one. */
export { namespaceArguments, runInNamespace } from "./command.js";
export { type NamespaceName, namespaceName, namespacePrefix, orphanedNamespaces, parseNamespaceName } from "./names.js";
export {
  createNamespace,
  ensureNamespace,
  inNamespace,
  listNamespaces,
  NAMESPACE_FOLDER,
  Namespace,
  NamespaceError,
  namespaceExists,
  namespacePath,
  openNamespace,
  removeNamespace,
} from "./namespace.js";
export { connectTcp, type LocalAddress, listenTcp, openUdpSocket, portOf } from "./sockets.js";
export { readSysctl, readSysctls, sysctlFile, writeSysctl, writeSysctls } from "./sysctl.js";

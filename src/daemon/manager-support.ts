/** What the manager may ask of the daemon beside it. It is an unprivileged process: nothing else is offered to it. */
import {
  type IssueManagerCertificateRequest,
  type IssueManagerCertificateResponse,
  ManagerSupportService,
} from "../api/generated/tswarm/v1/node.js";
import { partialService } from "../api/partial-service.js";
import { unary } from "../api/server-call.js";
import { invalidArgument } from "../api/status-error.js";
import { CsrError, readCsr } from "../security/pki/csr.js";

/** @param issue asks the cluster in the agent's name; throws StatusError or ServiceError */
export function managerSupportService(
  issue: (csr: Buffer) => Promise<IssueManagerCertificateResponse>,
  log: (line: string) => void,
) {
  const issueManagerCertificate = unary(({ csr }: IssueManagerCertificateRequest) => {
    checkCsr(csr);
    return issue(csr);
  }, log);
  return {
    definition: ManagerSupportService,
    implementation: partialService(ManagerSupportService, { issueManagerCertificate }, log),
  };
}

function checkCsr(csr: Buffer): void {
  try {
    readCsr(csr);
  } catch (error) {
    if (error instanceof CsrError) throw invalidArgument(error.message);
    throw error;
  }
}

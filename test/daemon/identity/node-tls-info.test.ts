/** Which of a node's two certificates it tells the managers of, while one root follows another: they wait for both. */
import test from "ava";
import { NodeRole } from "../../../src/api/generated/docker/swarmkit/v1/types.js";
import { tlsInfoOfNode } from "../../../src/daemon/identity/manager-certificate.js";
import { tlsInfoOf } from "../../../src/security/node-certificate/tls-info.js";
import type { CertificateAuthority } from "../../../src/security/pki/certified-key.js";
import { makeCsr } from "../../../src/security/pki/csr.js";
import { issueCertificate } from "../../../src/security/pki/issue.js";
import { crossSign, makeRootCa } from "../../../src/security/pki/root-ca.js";

const NOW_MS = 1_800_000_000_000;
const id = "n".repeat(25);
const present = makeRootCa(NOW_MS);
const nextRoot = makeRootCa(NOW_MS);
const next: CertificateAuthority = { ...nextRoot, intermediatesPem: crossSign(nextRoot.certificatePem, present) };
const { csrPem } = makeCsr();

const ROOTS = { present: present.certificatePem, both: present.certificatePem + nextRoot.certificatePem } as const;

function certificate(ca: CertificateAuthority, second: number, roots: keyof typeof ROOTS) {
  const certificatePem = issueCertificate({
    ca,
    csr: csrPem,
    nodeId: id,
    role: NodeRole.WORKER,
    clusterId: id,
    notBeforeMs: NOW_MS + second * 1000,
    notAfterMs: NOW_MS + 86_400_000,
  });
  return { certificatePem, rootPem: ROOTS[roots] };
}

type Shown = ReturnType<typeof certificate>;

const rows: readonly (readonly [what: string, agent: Shown, manager: Shown | undefined, told: "agent" | "manager"])[] =
  [
    ["no manager", certificate(present, 0, "present"), undefined, "agent"],
    ["nothing changes", certificate(present, 5, "present"), certificate(present, 0, "present"), "manager"],
    ["the agent has turned", certificate(next, 5, "both"), certificate(present, 0, "both"), "manager"],
    [
      "the agent has turned in the same second",
      certificate(next, 0, "both"),
      certificate(present, 0, "both"),
      "manager",
    ],
    ["and the manager knows of it later", certificate(next, 0, "both"), certificate(present, 0, "present"), "manager"],
    ["the manager has turned", certificate(present, 0, "both"), certificate(next, 5, "both"), "agent"],
    [
      "the manager has turned in the same second",
      certificate(present, 0, "both"),
      certificate(next, 0, "both"),
      "agent",
    ],
    ["and the agent knows of it later", certificate(present, 0, "present"), certificate(next, 0, "both"), "agent"],
    ["both have turned", certificate(next, 6, "both"), certificate(next, 5, "both"), "manager"],
  ];

for (const [what, agent, manager, told] of rows) {
  test(what, (t) => {
    const expected = tlsInfoOf(told === "agent" ? agent : manager!);
    t.deepEqual(tlsInfoOfNode(agent, manager).certIssuerPublicKey, expected.certIssuerPublicKey);
  });
}

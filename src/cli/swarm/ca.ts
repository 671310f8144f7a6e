import type { Cluster } from "../../api/generated/docker/swarmkit/v1/objects.js";
import type { ClusterSpec } from "../../api/generated/docker/swarmkit/v1/specs.js";
import { CAConfig, type ExternalCA } from "../../api/generated/docker/swarmkit/v1/types.js";
import type { Duration } from "../../api/generated/google/protobuf/duration.js";
import { changeCluster } from "../cluster/change.js";
import { CommandError, ExitCode, UsageError } from "../failure.js";
import { FlagReader } from "../flag-reader.js";
import type { Action } from "../invocation.js";
import { theCluster } from "../objects.js";
import { printJson } from "../render/list.js";
import { parseCertExpiry } from "./cluster-settings.js";
import { parseExternalCa, readPem } from "./external-ca.js";
import { desiredRoot, isRotating } from "./root-certificate.js";
import { waitForRotation } from "./rotation-wait.js";

const ROTATING_FLAGS = ["--ca-cert", "--ca-key", "--cert-expiry", "--external-ca", "--detach"] as const;

/** `tsctl ca` */
export const ca: Action = async (invocation) => {
  const { terminal, settings } = invocation;
  const flags = new FlagReader(invocation.flags);
  const rotate = flags.isSet("--rotate");
  if (!rotate) flags.refuse(ROTATING_FLAGS, "it takes --rotate to change the CA");
  const change = rotate ? readChange(flags) : undefined;
  const connection = await invocation.connect();
  let cluster: Cluster;
  if (change) {
    if (isAlone(change)) checkPresent(await theCluster(connection), change.certificate);
    cluster = (await changeCluster(connection, (spec) => withNewRoot(spec, change))).after;
    // Where the swarm stays with its root nobody gets another certificate.
    if (!flags.isSet("--detach") && isRotating(cluster)) {
      const rotated = await waitForRotation(invocation, connection, cluster, flags.isSet("--quiet"));
      if (!rotated) return ExitCode.interrupted;
      cluster = rotated;
    }
  } else cluster = await theCluster(connection);
  const root = cluster.rootCa?.caCert.toString() ?? "";
  if (settings.format === "json") {
    const { digest } = desiredRoot(cluster);
    printJson(invocation, { rootCa: root, digest, rotating: isRotating(cluster) });
  } else if (change && flags.isSet("--detach")) {
    terminal.write(`desired root digest: ${desiredRoot(cluster).digest}\n`);
  } else {
    if (root === "") throw new CommandError("the cluster has no root CA");
    terminal.write(root.endsWith("\n") ? root : `${root}\n`);
  }
  return ExitCode.success;
};

interface NewRoot {
  /** PEM; empty: the cluster makes one. */
  readonly certificate: string;
  readonly key: string;
  readonly certExpiry: Duration | undefined;
  readonly externalCas: readonly ExternalCA[] | undefined;
}

/** @throws UsageError */
function readChange(flags: FlagReader): NewRoot {
  const certificate = flags.value("--ca-cert", readPem) ?? "";
  const key = flags.value("--ca-key", readPem) ?? "";
  const externalCas = flags.valuesIfGiven("--external-ca", parseExternalCa);
  if (externalCas && certificate === "")
    throw new UsageError(
      'rotating to an external CA requires the --ca-cert flag to specify its certificate; to add one with the present root, use "tsctl update"',
    );
  if (key !== "" && certificate === "") throw new UsageError("--ca-key: it needs --ca-cert too");
  return { certificate, key, certExpiry: flags.value("--cert-expiry", parseCertExpiry), externalCas };
}

/** Without a key, or anybody who has it. */
function isAlone({ certificate, key, externalCas }: NewRoot): boolean {
  return certificate !== "" && key === "" && !externalCas;
}

/** The root that the cluster has needs no key: asking for it ends a rotation to another. @throws UsageError */
function checkPresent({ rootCa }: Cluster, certificate: string): void {
  if (rootCa?.caCert.toString().trim() === certificate.trim()) return;
  throw new UsageError("--ca-cert: it needs --ca-key or --external-ca too, unless it is the root that the swarm has");
}

/** A root of one's own is named in the specification; for one that the cluster makes a counter goes up. */
function withNewRoot(spec: ClusterSpec, { certificate, key, certExpiry, externalCas }: NewRoot): ClusterSpec {
  const caConfig = spec.caConfig ?? CAConfig.fromPartial({});
  return {
    ...spec,
    caConfig: {
      ...caConfig,
      signingCaCert: Buffer.from(certificate),
      signingCaKey: Buffer.from(key),
      forceRotate: certificate === "" ? caConfig.forceRotate + 1 : caConfig.forceRotate,
      ...(certExpiry ? { nodeCertExpiry: certExpiry } : {}),
      ...(externalCas
        ? {
            externalCas: externalCas.map((one) =>
              one.caCert.length > 0 ? one : { ...one, caCert: Buffer.from(certificate) },
            ),
          }
        : {}),
    },
  };
}

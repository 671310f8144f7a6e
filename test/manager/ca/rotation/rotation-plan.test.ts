import test from "ava";
import {
  IssuanceStatus_State as Issuance,
  NodeDescription,
} from "../../../../src/api/generated/docker/swarmkit/v1/types.js";
import { issuedRecord, withStatus } from "../../../../src/manager/ca/certificate-record.js";
import { planRotation, type RotationFacts } from "../../../../src/manager/ca/rotation/rotation-plan.js";

const NEW = { subject: Buffer.from("swarm-ca"), publicKey: Buffer.from("new key") };
const record = issuedRecord({ nodeId: "n", role: 0 }, "csr", "certificate");

type Facts = RotationFacts["nodes"][number];

const says = (publicKey: string, subject = "swarm-ca") =>
  NodeDescription.fromPartial({
    tlsInfo: { certIssuerSubject: Buffer.from(subject), certIssuerPublicKey: Buffer.from(publicKey) },
  });

function node(id: string, description: NodeDescription | undefined, state?: Issuance): Facts {
  return { id, description, certificate: state === undefined ? undefined : withStatus(record, state) };
}

const plan = (nodes: readonly Facts[], asked: readonly string[] = [], limit = 30) =>
  planRotation({ nodes, issuer: NEW, wasAsked: (id) => asked.includes(id), limit });

const rows: readonly (readonly [
  what: string,
  nodes: readonly Facts[],
  asked: readonly string[],
  mark: string,
  behind: number,
])[] = [
  ["nobody is there", [], [], "", 0],
  ["all have it", [node("a", says("new key"), Issuance.ISSUED)], [], "", 0],
  ["all have it, whatever the store says", [node("a", says("new key"), Issuance.ROTATE)], [], "", 0],
  ["the old key", [node("a", says("old key"), Issuance.ISSUED)], [], "a", 1],
  ["another name", [node("a", says("new key", "other"), Issuance.ISSUED)], [], "a", 1],
  ["nothing said yet", [node("a", undefined, Issuance.ISSUED)], [], "a", 1],
  ["a description without it", [node("a", NodeDescription.fromPartial({}), Issuance.ISSUED)], [], "a", 1],
  ["no certificate in the store", [node("a", says("old key"))], [], "a", 1],
  ["one that failed", [node("a", says("old key"), Issuance.FAILED)], [], "a", 1],
  ["already asked", [node("a", says("old key"), Issuance.ROTATE)], [], "", 1],
  ["it asks itself", [node("a", says("old key"), Issuance.RENEW), node("b", undefined, Issuance.PENDING)], [], "", 2],
  ["asked a moment ago, signed, not said", [node("a", says("old key"), Issuance.ISSUED)], ["a"], "", 1],
  [
    "some of each",
    [
      node("a", says("old key"), Issuance.ISSUED),
      node("b", says("new key"), Issuance.ISSUED),
      node("c", says("old key"), Issuance.ROTATE),
      node("d", undefined, Issuance.ISSUED),
    ],
    [],
    "a d",
    3,
  ],
];

for (const [what, nodes, asked, mark, behind] of rows) {
  test(`who is asked for another certificate: ${what}`, (t) => {
    t.deepEqual(plan(nodes, asked), { mark: mark.split(" ").filter(Boolean), behind });
  });
}

test("no more at a time than a batch; those that are asked do not keep the others waiting", (t) => {
  const nodes = Array.from({ length: 100 }, (_, i) =>
    node(`n${i}`, says("old key"), i < 50 ? Issuance.ROTATE : Issuance.ISSUED),
  );
  const { mark, behind } = plan(nodes, ["n50"], 30);
  t.is(behind, 100);
  t.deepEqual(
    mark,
    Array.from({ length: 30 }, (_, i) => `n${i + 51}`),
  );
});

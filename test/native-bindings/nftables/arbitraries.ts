/** Random nf_tables objects of every form that the codec writes. */
import fc from "fast-check";
import {
  COMPARE_OPERATORS,
  CT_KEYS,
  type Expression,
  FIB_RESULTS,
  META_KEYS,
  NAT_FAMILIES,
  NAT_TYPES,
  NUMGEN_MODES,
  PAYLOAD_BASES,
  REJECT_TYPES,
  type Verdict,
} from "../../../native-bindings/nftables/expression.js";
import {
  type Chain,
  FAMILIES,
  HOOKS,
  type Rule,
  type SetDefinition,
  type SetElement,
} from "../../../native-bindings/nftables/objects.js";

const keys = <T extends string>(numbers: Readonly<Record<T, number>>) =>
  fc.constantFrom(...(Object.keys(numbers) as T[]));
const u32 = fc.nat({ max: 0xffffffff });
const u64 = fc.bigInt({ min: 0n, max: 0xffffffffffffffffn });
const bytes = (maxLength: number) => fc.uint8Array({ minLength: 1, maxLength }).map((value) => Buffer.from(value));
const name = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9/\-_.]{0,40}$/);

/** Without the two flag bits that follow from the registers, and a range's end that differs from its start. */
const natFlags = fc.option(
  fc.integer({ min: 1, max: 31 }).map((bits) => bits << 2),
  { nil: undefined },
);

const verdict: fc.Arbitrary<Verdict> = fc.oneof(
  fc.record({ kind: fc.constantFrom("accept", "drop", "continue", "break", "return") }),
  fc.record({ kind: fc.constantFrom("jump", "goto"), chain: name }),
);

const expression: fc.Arbitrary<Expression> = fc.oneof(
  fc.record({ kind: fc.constant("meta" as const), key: keys(META_KEYS), destination: u32 }),
  fc.record({ kind: fc.constant("meta" as const), key: keys(META_KEYS), source: u32 }),
  fc.record({
    kind: fc.constant("payload" as const),
    base: keys(PAYLOAD_BASES),
    offset: u32,
    length: u32,
    destination: u32,
  }),
  fc.record({ kind: fc.constant("cmp" as const), source: u32, operator: keys(COMPARE_OPERATORS), value: bytes(64) }),
  fc.record({
    kind: fc.constant("bitwise" as const),
    source: u32,
    destination: u32,
    length: u32,
    mask: bytes(16),
    xor: bytes(16),
  }),
  fc.record({ kind: fc.constant("immediate" as const), destination: u32, value: bytes(16) }),
  fc.record({ kind: fc.constant("verdict" as const), verdict }),
  fc.record(
    {
      kind: fc.constant("lookup" as const),
      set: name,
      source: u32,
      destination: u32,
      setId: u32,
      invert: fc.constant(true as const),
    },
    { requiredKeys: ["kind", "set", "source"] },
  ),
  fc
    .record(
      {
        kind: fc.constant("nat" as const),
        type: keys(NAT_TYPES),
        family: keys(NAT_FAMILIES),
        address: u32,
        port: u32,
        flags: natFlags,
      },
      { requiredKeys: ["kind", "type", "family"] },
    )
    .map(withoutUndefined),
  natFlags.map((flags) => withoutUndefined({ kind: "masq" as const, flags })),
  fc
    .record({ port: fc.option(u32, { nil: undefined }), flags: natFlags })
    .map((fields) => withoutUndefined({ kind: "redir" as const, ...fields })),
  fc.record({ kind: fc.constant("reject" as const), type: keys(REJECT_TYPES), code: fc.nat({ max: 255 }) }),
  fc.record(
    {
      kind: fc.constant("ct" as const),
      key: keys(CT_KEYS),
      destination: u32,
      source: u32,
      direction: fc.nat({ max: 1 }),
    },
    { requiredKeys: ["kind", "key"] },
  ),
  fc.record({ kind: fc.constant("fib" as const), result: keys(FIB_RESULTS), flags: u32, destination: u32 }),
  fc.record({
    kind: fc.constant("numgen" as const),
    mode: keys(NUMGEN_MODES),
    modulus: u32,
    offset: u32,
    destination: u32,
  }),
  fc.record({ kind: fc.constant("counter" as const), packets: u64, bytes: u64 }),
  fc.record({
    kind: fc.constant("unknown" as const),
    name: fc.stringMatching(/^x[a-z]{1,15}$/),
    data: fc.uint8Array({ maxLength: 64 }).map((value) => Buffer.from(value)),
  }),
);

const table = { family: keys(FAMILIES), table: name };

export const anyRule: fc.Arbitrary<Rule> = fc.record(
  {
    ...table,
    chain: name,
    expressions: fc.array(expression, { maxLength: 20 }),
    userdata: bytes(256),
    position: u64,
  },
  { requiredKeys: ["family", "table", "chain", "expressions"] },
);

export const anyChain: fc.Arbitrary<Chain> = fc.record(
  {
    ...table,
    name,
    base: fc.record(
      {
        type: fc.constantFrom("filter", "nat", "route"),
        hook: keys(HOOKS),
        priority: fc.integer(),
        policy: fc.constantFrom("accept", "drop"),
      },
      { requiredKeys: ["type", "hook", "priority"] },
    ),
  },
  { requiredKeys: ["family", "table", "name"] },
);

export const anySet: fc.Arbitrary<SetDefinition> = fc
  .record(
    {
      ...table,
      name,
      flags: u32,
      keyType: u32,
      keyLength: u32,
      id: u32,
      data: fc.record({ dataType: u32, dataLength: u32 }),
      size: u32,
      fieldLengths: fc.array(u32, { minLength: 1, maxLength: 8 }),
      userdata: bytes(256),
    },
    { requiredKeys: ["family", "table", "name", "flags", "keyType", "keyLength", "id"] },
  )
  .map(({ data, ...set }) => ({ ...set, ...data }));

export const anyElements: fc.Arbitrary<SetElement[]> = fc.array(
  fc.oneof(
    fc.record(
      { key: bytes(64), keyEnd: bytes(64), value: bytes(64), flags: u32, userdata: bytes(250) },
      { requiredKeys: ["key"] },
    ),
    fc.record({ key: bytes(64), verdict, flags: u32 }, { requiredKeys: ["key", "verdict"] }),
  ),
  { minLength: 1, maxLength: 400 },
);

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T;
}

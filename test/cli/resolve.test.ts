import test from "ava";
import { CommandError } from "../../src/cli/failure.js";
import { byName } from "../../src/cli/objects.js";
import { mayBeId, pickOne } from "../../src/cli/resolve.js";

const web = { id: "abc111", name: "web" };
const api = { id: "abd222", name: "api" };
const tricky = { id: "web999", name: "other" };
const namedAsId = { id: "zzz333", name: "abc111" };
const loud = { id: "yyy444", name: "API" };

const rows: readonly (readonly [string, readonly { id: string; name: string }[], string])[] = [
  ["abc111", [web, api, namedAsId], web.id],
  ["web", [tricky, web], web.id],
  ["abd", [web, api], api.id],
  ["web9", [tricky, web], tricky.id],
  ["WEB", [web, api], web.id],
  ["api", [api, loud], api.id],
  ["web", [web, web], web.id],
];

for (const [argument, candidates, expected] of rows) {
  test(`${argument} among ${candidates.map(({ id, name }) => `${id}=${name}`).join(" ")}`, (t) => {
    t.is(pickOne("service", argument, candidates).id, expected);
  });
}

test("what fits several is refused and they are named", (t) => {
  const error = t.throws(() => pickOne("service", "ab", [web, api]), { instanceOf: CommandError });
  t.is(error?.message, "service ab is ambiguous, it fits 2: abc111 (web), abd222 (api); give more of the id");
  t.is(error?.exitCode, 1);
  t.throws(
    () =>
      pickOne("node", "host", [
        { id: "a", name: "host" },
        { id: "b", name: "host" },
      ]),
    {
      message: /ambiguous, it fits 2: a \(host\), b \(host\)/,
    },
  );
});

test("a long list of candidates is cut", (t) => {
  const many = Array.from({ length: 9 }, (_, at) => ({ id: `x${at}`, name: "" }));
  t.throws(() => pickOne("task", "x", many), { message: /it fits 9: x0, x1, x2, x3, x4, 4 more/ });
});

test("what fits nothing does not exist", (t) => {
  t.throws(() => pickOne("service", "foo", [web]), { message: "no such service: foo" });
  t.throws(() => pickOne("service", "", [web]), { message: "no such service: the argument is empty" });
});

test("only base 36 may be an id", (t) => {
  t.true(mayBeId("abc123"));
  for (const text of ["", "Web", "a-b", "a".repeat(26)]) t.false(mayBeId(text), text);
});

const orderRows: readonly (readonly [string, string])[] = [
  ["web.2", "web.10"],
  ["host1", "host2"],
  ["Alpha", "beta"],
  ["a", "a1"],
  ["1a", "a"],
  ["9", "10"],
  ["web", "web.1"],
  ["A", "a"],
];
for (const [first, second] of orderRows) {
  test(`${first} stands before ${second}`, (t) => {
    t.true(byName(first, second) < 0);
    t.true(byName(second, first) > 0);
    t.is(byName(first, first), 0);
  });
}

import test from "ava";
import { canonicalJson } from "../../src/cli/render/protobuf-json.js";
import { renderSections } from "../../src/cli/render/sections.js";
import { cutTo, displayWidth, renderTable, visible } from "../../src/cli/render/table.js";
import { humanSpan, timeAgo } from "../../src/cli/render/time-ago.js";

const columns = [
  { title: "NAME", value: (row: { name: string; count: number }) => row.name },
  { title: "COUNT", value: (row: { name: string; count: number }) => String(row.count), align: "right" as const },
  { title: "", value: () => "" },
];

test("a table aligns its columns and ends no line with blanks", (t) => {
  t.is(
    renderTable(columns, [
      { name: "web", count: 3 },
      { name: "a-longer-name", count: 1000 },
    ]),
    ["NAME            COUNT", "web                 3", "a-longer-name    1000", ""].join("\n"),
  );
});

test("an empty table is its header", (t) => {
  t.is(renderTable(columns, []), "NAME   COUNT\n");
});

test("wide and combining characters are counted in cells", (t) => {
  t.is(displayWidth("日本"), 4);
  t.is(displayWidth("e\u0301"), 1);
  t.is(displayWidth("🚀"), 2);
  const lines = renderTable(columns, [
    { name: "日本", count: 1 },
    { name: "abcd", count: 2 },
  ]).split("\n");
  t.is(displayWidth(lines[1]!), displayWidth(lines[2]!));
});

test("control characters are shown, not sent to the terminal", (t) => {
  t.is(visible("a\n\tb\x1b[2Jc\x7f"), "a b\\x1b[2Jc\\x7f");
  t.false(renderTable(columns, [{ name: "x\x1b[31m", count: 1 }]).includes("\x1b"));
});

test("a line is cut to the width of the screen", (t) => {
  t.is(cutTo("abcdef", 6), "abcdef");
  t.is(cutTo("abcdef", 4), "abc…");
  t.is(displayWidth(cutTo("日本日本", 4)), 3);
});

test("indented and painted rows", (t) => {
  const text = renderTable(columns.slice(0, 1), [{ name: "a", count: 0 }], {
    indent: 2,
    paint: (line) => `<${line}>`,
  });
  t.is(text, "  NAME\n<  a>\n");
});

test("sections leave out what is empty", (t) => {
  t.is(
    renderSections([
      ["ID", "x"],
      ["Empty", ""],
      ["Long name", "y"],
      ["List", ["a", "b"]],
      ["None", []],
      ["Inner", [["K", "v"]]],
      ["Hollow", [["K", ""]]],
    ]),
    "ID:         x\nLong name:  y\nList:\n  a\n  b\nInner:\n  K:  v\n",
  );
});

test("spans of time as people say them", (t) => {
  const second = 1000;
  const rows: readonly (readonly [number, string])[] = [
    [0, "less than a second"],
    [second, "1 second"],
    [5 * second, "5 seconds"],
    [59 * second, "59 seconds"],
    [60 * second, "about a minute"],
    [150 * second, "2 minutes"],
    [3600 * second, "about an hour"],
    [3 * 3600 * second, "3 hours"],
    [3 * 86_400 * second, "3 days"],
    [20 * 86_400 * second, "2 weeks"],
    [90 * 86_400 * second, "3 months"],
    [800 * 86_400 * second, "2 years"],
  ];
  for (const [span, text] of rows) t.is(humanSpan(span), text);
  t.is(timeAgo({ seconds: 10, nanos: 0 }, 15_000), "5 seconds ago");
  t.is(timeAgo({ seconds: 20, nanos: 0 }, 15_000), "less than a second ago");
  t.is(timeAgo(undefined, 0), "");
});

test("JSON is protobuf's own: durations as texts, payloads with their type", (t) => {
  const value = {
    restart: { delay: { seconds: 90 }, window: {} },
    update: { monitor: { nanos: 5_000_000 }, delay: { seconds: 1, nanos: 1 } },
    labels: { delay: "a label", payload: "b" },
    list: [{ payload: { typeUrl: "t/known", value: Buffer.from("hi").toString("base64") } }],
    other: { payload: { typeUrl: "t/unknown", value: "AA==" } },
  };
  t.deepEqual(canonicalJson(value, { "t/known": (payload) => ({ text: payload.toString() }) }), {
    restart: { delay: "90s", window: "0s" },
    update: { monitor: "0.005s", delay: "1.000000001s" },
    labels: { delay: "a label", payload: "b" },
    list: [{ payload: { "@type": "t/known", text: "hi" } }],
    other: { payload: { "@type": "t/unknown", value: "AA==" } },
  });
});

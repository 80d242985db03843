import { describe, expect, test } from "vitest";
import { headersBytesMax, markHeaders, readHeaders, readTimestamp } from "./headers.ts";

describe("headers of a message from any publisher", () => {
  test.each([
    ["a text", "x"],
    ["a number", 5],
    ["the largest number", Number.MAX_VALUE],
    ["yes or no", true],
    ["nothing", null],
    ["bytes", Buffer.from("x")],
    ["a time", { "!": "timestamp", value: 1_600_000_000 }],
    ["a decimal", { "!": "decimal", value: { places: 2, digits: 314 } }],
    ["RabbitMQ's own tables", [{ count: 1, "routing-keys": ["a"], time: { "!": "timestamp", value: 1 } }]],
  ])("are kept: %s", (_, value) => {
    expect(readHeaders({ filename: value })).toEqual({ headers: { filename: value }, marks: {}, dropped: [] });
  });

  test.each([
    ["NaN", Number.NaN],
    ["less than any integer", -(2 ** 70)],
    ["minus infinity", Number.NEGATIVE_INFINITY],
    ["a time beyond all times", { "!": "timestamp", value: 2 ** 60 }],
    ["a decimal with more places than exist", { "!": "decimal", value: { places: 256, digits: 1 } }],
    ["an unknown type", { "!": "nonsense", value: 1 }],
    ["larger than all headers together", "x".repeat(headersBytesMax)],
    ["tables in tables, nine deep", { a: { a: { a: { a: { a: { a: { a: { a: {} } } } } } } } }],
    ["a table behind a table", Object.setPrototypeOf({}, { inherited: "x" })],
    ["bytes behind a table", { a: Object.setPrototypeOf({}, Buffer.from("x")) }],
    ["a list with one such value", [1, Number.NaN]],
  ])("are dropped and named if they can't be sent on: %s", (_, value) => {
    expect(readHeaders({ other: "y", odd: value })).toEqual({ headers: { other: "y" }, marks: {}, dropped: ["odd"] });
  });

  test("are dropped for a name that grew beyond AMQP's limit when it was read", () => {
    const name = "\ufffd".repeat(255);
    expect(readHeaders({ [name]: "x" })).toEqual({ headers: {}, marks: {}, dropped: ["\ufffd".repeat(64)] });
  });

  test("are kept as long as all of them fit; few of the others are named", () => {
    const table = Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`header-${at}`, "x".repeat(100)]));
    const { headers, dropped } = readHeaders(table);
    expect(Object.keys(headers)).toHaveLength(142);
    expect(dropped).toHaveLength(20);
  });

  test("are the table's own: a header named __proto__ adds none", () => {
    const table = Object.setPrototypeOf({ own: "x" }, { filename: "forged" });
    const { headers } = readHeaders(table);
    expect(headers).toEqual({ own: "x" });
    expect(headers.filename).toBeUndefined();
  });
});

test("no header routes a message elsewhere when it is sent on", () => {
  const table = { CC: ["v00.urp.input.x"], BCC: ["cmc.urp.pull"], cc: "a name like another" };
  expect(readHeaders(table)).toEqual({ headers: { cc: "a name like another" }, marks: {}, dropped: ["CC", "BCC"] });
});

describe("marks", () => {
  test("are read from warren's own headers and removed from them; unknown headers of that kind are dropped", () => {
    const table = {
      filename: "p",
      "x-warren-again": "1",
      "x-warren-doubt": "1",
      "x-warren-joined": "1",
      "x-warren-new": "x",
      ...asText,
    };
    const marks = {
      ...({
        again: true,
        doubt: true,
        joined: true,
        alternate: "dead",
        reason: "404",
        closedMs: 1_421_777_342_812,
      } as const),
      ...({ placedMs: 1_421_777_343_500, before: true, host: "pds-1.cmc.ec.gc.ca" } as const),
    };
    expect(readHeaders(table)).toEqual({ headers: { filename: "p" }, marks, dropped: [] });
    expect(readHeaders(markHeaders(marks)).marks).toEqual(marks);
    expect(markHeaders({})).toEqual({});
  });
  const asText = {
    "x-warren-alternate": "dead",
    "x-warren-reason": "404",
    "x-warren-closed": "1421777342812",
    "x-warren-placed": "1421777343500",
    "x-warren-before": "1",
    "x-warren-host": "pds-1.cmc.ec.gc.ca",
  };

  test("have short texts, whatever was written", () => {
    for (const odd of [{ toString: 1 }, 404, null, ["a"], Buffer.from("a")]) {
      expect(readHeaders({ "x-warren-reason": odd }).marks).toEqual({ reason: "no reason given" });
    }
    const long = readHeaders({ "x-warren-alternate": "x".repeat(90_000), "x-warren-reason": "🐇".repeat(70_000) });
    expect(long.marks.alternate).toBe("x".repeat(255));
    expect(long.marks.reason).toHaveLength(255);
    expect(long.headers).toEqual({});
  });

  test.each(["x-warren-closed", "x-warren-placed"])("have a time in %s only if it is one", (name) => {
    for (const odd of ["", "0", "-1", "1e12", "1".repeat(16), " 1", 1_421_777_342_812, null, ["1"]])
      expect(readHeaders({ [name]: odd })).toEqual({ headers: {}, marks: {}, dropped: [] });
  });

  test("have a host only if it could be one", () => {
    for (const odd of ["", "a b", "a\nb", "x".repeat(254), "é", 1, null, ["a"]])
      expect(readHeaders({ "x-warren-host": odd })).toEqual({ headers: {}, marks: {}, dropped: [] });
  });
});

test("a timestamp is a plausible time in whole seconds", () => {
  expect([0, 1_600_000_000, 253_402_300_799].map(readTimestamp)).toEqual([0, 1_600_000_000, 253_402_300_799]);
  for (const odd of [undefined, -1, 1.5, 2 ** 60, 18_446_744_073_709_552_000, Number.NaN, "1"]) {
    expect(readTimestamp(odd)).toBeUndefined();
  }
});

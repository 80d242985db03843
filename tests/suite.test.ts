import { relative } from "node:path";
import { expect, test } from "vitest";
import { countReport, passedTests, resultTable, type VitestReport } from "./suite.ts";

type File = VitestReport["testResults"][number];

function file(...statuses: string[]): File {
  const failed = statuses.includes("failed");
  return {
    name: "/x/a.test.ts",
    status: failed ? "failed" : "passed",
    assertionResults: statuses.map((status, index) => ({ status, fullName: `test ${index}`, title: `test ${index}` })),
  };
}

const report = (...files: File[]): VitestReport => ({ success: true, testResults: files });

test("passed and failed tests of all files are counted", () => {
  expect(countReport(report(file("passed", "passed"), file("passed", "failed")), 1)).toEqual({
    passed: 3,
    failed: 1,
    notes: [],
    failures: [`${relative(process.cwd(), "/x/a.test.ts")} > test 1\n  no reason given`],
    slowest: [],
  });
});

test("slow tests are listed, slowest first", () => {
  const took = (fullName: string, duration: number) => ({ status: "passed", fullName, duration });
  const slow = { ...file(), assertionResults: [took("a", 21_000), took("b", 19_000), took("c", 300_000)] };
  expect(countReport(report(slow), 0).slowest?.map(({ name, seconds }) => [name.split(" > ")[1], seconds])).toEqual([
    ["c", 300],
    ["a", 21],
  ]);
});

test.each([
  [
    "without the stack",
    "\u001b[31mAssertionError: expected 1 to be 2\u001b[39m\n\n- 2\n+ 1\n    at file:///x/a.test.ts:3:1",
    ["  AssertionError: expected 1 to be 2", "  - 2", "  + 1"],
  ],
  [
    "with the first and last lines of a long output",
    Array.from({ length: 100 }, (_, at) => `line ${at}`).join("\n"),
    [
      ...Array.from({ length: 8 }, (_, at) => `  line ${at}`),
      "  [76 lines]",
      ...Array.from({ length: 16 }, (_, at) => `  line ${84 + at}`),
    ],
  ],
])("a failed test is reported %s", (_, message, expected) => {
  const failed = { status: "failed", fullName: "a > b", failureMessages: [message] };
  const { failures = [] } = countReport(report({ ...file("failed"), assertionResults: [failed] }), 1);
  expect(failures[0]?.split("\n").slice(1)).toEqual(expected);
});

test("a skipped test counts as failed and is listed", () => {
  expect(countReport(report(file("passed", "skipped")), 0)).toEqual({
    passed: 1,
    failed: 1,
    notes: ["skipped: test 1"],
    failures: [],
    slowest: [],
  });
});

test("a pattern leaves other tests out, and a suite may have no match", () => {
  const chosen = countReport(report(file("skipped", "passed", "failed")), 1, /test 1/);
  expect([chosen.passed, chosen.failed]).toEqual([1, 1]);
  expect(countReport(report(file("skipped", "passed")), 0, /test 1/)).toMatchObject({
    passed: 1,
    failed: 0,
    notes: [],
  });
  expect(countReport(report(file("skipped", "skipped")), 0, /test 1/)).toMatchObject({ passed: 0, failed: 1 });
  expect(countReport(report(file("skipped")), 0, /other/)).toMatchObject({ passed: 0, failed: 0 });
  expect(countReport(report(), 1, /other/)).toMatchObject({ passed: 0, failed: 1 });
});

test("passed tests are listed by file and name", () => {
  expect(passedTests(report(file("passed", "failed", "skipped"))).map(({ name }) => name)).toEqual(["test 0"]);
});

test("a file that fails to load counts as one failed test, with its reason", () => {
  const broken: File = {
    name: "/x/b.test.ts",
    status: "failed",
    message: "SyntaxError: no\nstack",
    assertionResults: [],
  };
  const { passed, failed, notes } = countReport(report(file("passed"), broken), 1);
  expect([passed, failed]).toEqual([1, 1]);
  expect(notes[0]).toContain("SyntaxError: no");
});

test("a run that fails with every test passed is a failure", () => {
  expect(countReport(report(file("passed")), 1)).toMatchObject({ passed: 1, failed: 1 });
});

test("no test, or no report, is a failure", () => {
  expect(countReport(report(), 0)).toMatchObject({ passed: 0, failed: 1, notes: ["no test ran"] });
  expect(countReport(undefined, 139)).toMatchObject({
    passed: 0,
    failed: 1,
    notes: ["vitest exited with 139 and no report"],
  });
});

test("the table has a line for every suite, with aligned figures", () => {
  const suites = [
    { name: "unit", passed: 120, failed: 0, seconds: 9.96, notes: [] },
    { name: "lab", passed: 7, failed: 1, seconds: 300, notes: [] },
  ];
  expect(resultTable(suites)).toBe(
    ["      passed  failed     time", "unit     120       0   10.0 s", "lab        7       1  300.0 s", ""].join("\n"),
  );
});

import { expect, test } from "vitest";
import { publicBoundsSeconds } from "../lib/audit-history.ts";
import { type PublicAnswers, readPublicHours } from "./public-hours.ts";

const startMs = Date.UTC(2026, 10, 5, 3);
const endSeconds = startMs / 1000 + 3600;

/** Series as Prometheus answers them. @param at by their label `le`, or none */
const matrix = (at: Readonly<Record<string, string>>, time: unknown = endSeconds) => ({
  status: "success",
  data: {
    resultType: "matrix",
    result: Object.entries(at).map(([le, value]) => ({ metric: le === "" ? {} : { le }, values: [[time, value]] })),
  },
});

/** As Prometheus 2 writes bounds; it also answers buckets that are not asked for. */
const buckets = (values: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> => ({
  ...{ "0.01": "0", "0.025": "0" },
  ...Object.fromEntries([...publicBoundsSeconds, "+Inf"].map((le) => [le, "100.13908205841447"])),
  ...values,
});
const answers = (own: Partial<PublicAnswers> = {}): PublicAnswers => ({
  delivered: matrix(buckets({ "0.1": "89.12378303198887", "0.25": "97.13490959666203", "0.5": "97.13490959666202" })),
  announced: matrix(buckets()),
  minutes: matrix({ "": "61" }),
  ...own,
});
const read = (own: Partial<PublicAnswers> = {}) => readPublicHours(answers(own), [startMs]);

test("an hour's classes are rounded differences of buckets; none is negative", () => {
  expect(read()).toEqual([
    {
      ...{ startMs, minutes: 60 },
      delivered: [89, 8, 0, 3, 0, 0, 0, 0, 0, 0, 0],
      announced: [100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    },
  ]);
});

test("bounds are read as Prometheus 3 writes them", () => {
  const { "1": one = "", "5": five = "", "10": ten = "", "30": half = "", "60": all = "", ...others } = buckets();
  const { "300": last = "", ...more } = others;
  const written = { ...more, "1.0": one, "5.0": five, "10.0": ten, "30.0": half, "60.0": all, "300.0": last };
  expect(read({ announced: matrix(written) })).toEqual(read());
});

test("in the hour of the upgrade to Prometheus 3, both of a bucket's series count", () => {
  const lower = Object.fromEntries(publicBoundsSeconds.filter((bound) => bound < 5).map((bound) => [bound, "0"]));
  const split = matrix(buckets({ ...lower, "5": "50.1", "5.0": "40.04" }));
  expect(read({ delivered: split })).toMatchObject([{ delivered: [0, 0, 0, 0, 0, 90, 10, 0, 0, 0, 0] }]);
  const before = matrix(buckets({ "5": "100" }));
  const after = matrix({ "5.0": "70" }, endSeconds + 3600).data.result;
  const both = { ...before, data: { ...before.data, result: [...before.data.result, ...after] } };
  expect(read({ delivered: both })).toHaveLength(1);
});

test("an hour of which either is missing, or a bucket, is unknown; one in which no sender answered at once has no minutes", () => {
  const { "5": _, ...without } = buckets();
  for (const delivered of [matrix({}), matrix(buckets(), endSeconds + 3600), matrix(without)])
    expect(read({ delivered })).toEqual([]);
  expect(read({ announced: matrix({}) })).toEqual([]);
  expect(read({ minutes: matrix({}) })).toMatchObject([{ minutes: 0 }]);
});

test.each<[string, unknown]>([
  ["an error", { status: "error", errorType: "execution", error: "query timed out" }],
  ["another type", { status: "success", data: { resultType: "vector", result: [] } }],
  ["no number", matrix(buckets({ "5": "NaN" }))],
  ["infinite", matrix(buckets({ "5": "+Inf" }))],
  ["negative", matrix(buckets({ "5": "-1" }))],
  ["empty", matrix(buckets({ "5": "" }))],
  ["huge", matrix(buckets({ "5": "1e300" }))],
  ["endless", matrix(buckets({ "5": "1".repeat(1000) }))],
  ["a time that is none", matrix(buckets(), "yesterday")],
  ["nothing", null],
])("an answer is refused that is %s", (_, wrong) => {
  for (const name of ["delivered", "announced", "minutes"]) expect(() => read({ [name]: wrong })).toThrow();
});

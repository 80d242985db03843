import { describe, expect, test } from "vitest";
import { planNextStep, readOrder } from "./order.ts";

const name = "201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META::20150120180902";
const body = (path: string, base = "http://urp-1/", size = 498081) => ({
  body: Buffer.from(`a985c32cbdee8af2ab5d7b8f6022e781 ${size} ${base} ${path}`),
});
const rules = { productBytesMax: 1_000_000 };
const retries = {
  retriesMax: 8,
  notFoundRetriesMax: 5,
  retryDelayMinMs: 100,
  retryDelayMaxMs: 1000,
  triesBeforeAlternate: 3,
  alternateAfterMs: 5000,
};

test("an announcement asks for its URL, under the file's own name with all colon-separated fields", () => {
  const order = readOrder(body(`db/20150120/RADAR/URP/IWA/${name}`), rules);
  expect(order).toEqual({
    ok: true,
    value: {
      key: "a985c32cbdee8af2ab5d7b8f6022e781",
      url: `http://urp-1/db/20150120/RADAR/URP/IWA/${name}`,
      origin: "http://urp-1",
      fileName: name,
      sizeBytes: 498081,
    },
  });
});

test("spaces and non-ASCII letters in a name reach the file system unchanged", () => {
  const order = readOrder(body("db/x/%C3%A9%20%C3%BC"), rules);
  expect(order.ok && order.value.fileName).toBe("é ü");
});

test.each([
  ["a path that would leave the folder", body("db/../../etc/passwd"), '".." part', "a twin does not help"],
  ["an escaped slash", body("db/..%2f..%2fetc%2fpasswd"), 'escaped "/"', "a twin does not help"],
  ["a NUL in the name", body("db/a%00b"), "NUL", "a twin does not help"],
  ["a hidden name", body("db/.bashrc"), "starts with a dot", "a twin does not help"],
  ["a name longer than a file system accepts", body(`db/${"é".repeat(128)}`), "256 bytes", "a twin does not help"],
  [
    "too large a product",
    body("db/x", "http://urp-1/", 1_000_001),
    "more than productBytesMax (1000000)",
    "a twin does not help",
  ],
  [
    "not an announcement",
    { body: Buffer.from("hello") },
    "malformed announcement: v00 has four",
    "a twin does not help",
  ],
  ["another protocol", body("db/x", "ftp://urp-1/"), "not ftp:", "a twin helps"],
  [
    "a user name",
    body("db/x", "http://urp-1@169.254.169.254/"),
    "has a user name before 169.254.169.254",
    "a twin helps",
  ],
  [
    "a user name before an allowed host",
    body("db/x", "http://me:secret@urp-1/"),
    "has a user name before urp-1",
    "a twin helps",
  ],
  ["the cloud's metadata", body("latest/meta-data", "http://169.254.169.254/"), "is not in", "a twin helps"],
  ["its own metrics", body("metrics", "http://127.0.0.1:9103/"), "127.0.0.1:9103 is not in", "a twin helps"],
  ["a host that is a number", body("metrics", "http://2130706433/"), "127.0.0.1 is not in", "a twin helps"],
  ["another host", body("db/x", "http://urp-3/"), "host urp-3 is not in", "a twin helps"],
])("%s is refused for good, with the reason", (_, message, reason, mending) => {
  const order = readOrder(message, { ...rules, allowedHosts: ["urp-1"] });
  expect(order.ok ? "" : order.reason).toContain(reason);
  expect(order.ok || order.twinHelps).toBe(mending === "a twin helps");
});

test("with allowedHosts, other hosts and other ports are refused", () => {
  const allowed = { ...rules, allowedHosts: ["urp-1", "urp-2:8080"] };
  expect(readOrder(body("db/x", "http://urp-1/"), allowed).ok).toBe(true);
  expect(readOrder(body("db/x", "http://urp-1:8080/"), allowed).ok).toBe(true);
  expect(readOrder(body("db/x", "http://urp-2:8080/"), allowed).ok).toBe(true);
  expect(readOrder(body("db/x", "http://urp-2/"), allowed).ok).toBe(false);
  expect(readOrder(body("db/x", "http://urp-1@elsewhere/"), allowed).ok).toBe(false);
});

const alone = { canAsk: false, isSilent: false, spentMs: 10_000 };
const asking = { canAsk: true, isSilent: false, spentMs: 4999 };
const server = { cause: "server", text: "the server answers 503" } as const;

test("pauses double up to their limit, and after retriesMax attempts stop with the last reason", () => {
  const delays: number[] = [];
  for (let tries = 1; tries <= retries.retriesMax; tries += 1) {
    const next = planNextStep(server, { ...alone, tries }, retries, () => 1);
    if (next.kind === "retry") delays.push(next.delayMs);
  }
  expect(delays).toEqual([100, 200, 400, 800, 1000, 1000, 1000, 1000]);
  expect(planNextStep(server, { ...alone, tries: 9 }, retries)).toEqual({
    kind: "give-up",
    reason: "the server answers 503 (9 tries)",
  });
});

describe("the number of attempts, and the next step", () => {
  test.each([
    ["server", "no twin can be requested", alone, 9, "give-up"],
    ["network", "no twin can be requested", alone, 9, "give-up"],
    ["not-found", "no twin can be requested", alone, 6, "give-up"],
    ["refused", "no twin can be requested", alone, 6, "give-up"],
    ["too-large", "no twin can be requested", alone, 1, "give-up"],
    ["network", "no twin can be requested, the server seems dead", { ...alone, isSilent: true }, 9, "give-up"],
    ["server", "the twin can be requested", asking, 3, "ask"],
    ["timeout", "the twin can be requested", asking, 3, "ask"],
    ["not-found", "the twin can be requested", asking, 3, "ask"],
    ["size", "the twin can be requested", asking, 3, "ask"],
    ["too-large", "the twin can be requested", asking, 1, "give-up"],
    ["timeout", "the twin can be requested, and the attempts took long", { ...asking, spentMs: 5000 }, 1, "ask"],
    ["network", "the twin can be requested, the server seems dead", { ...asking, isSilent: true }, 1, "ask"],
  ] as const)("%s, %s", (cause, _, standing, tries, then) => {
    const planAfter = (count: number) =>
      planNextStep({ cause, text: "x" }, { ...standing, tries: count }, retries).kind;
    for (let earlier = 1; earlier < tries; earlier += 1) expect(planAfter(earlier)).toBe("retry");
    expect(planAfter(tries)).toBe(then);
  });

  test("triesBeforeAlternate allows no more attempts than there are in all", () => {
    const few = { ...retries, retriesMax: 0 };
    expect(planNextStep(server, { ...asking, tries: 1 }, few)).toEqual({
      kind: "ask",
      reason: "the server answers 503 (1 try)",
    });
  });
});

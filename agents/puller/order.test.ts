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

test("an announcement asks for its URL, under the file's own name with all colon fields", () => {
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

test("spaces and letters outside ASCII in a name reach the file system as they were", () => {
  const order = readOrder(body("db/x/%C3%A9%20%C3%BC"), rules);
  expect(order.ok && order.value.fileName).toBe("é ü");
});

test.each([
  ["a path that would leave the folder", body("db/../../etc/passwd"), '".." part', "no twin can mend"],
  ["an escaped slash", body("db/..%2f..%2fetc%2fpasswd"), 'escaped "/"', "no twin can mend"],
  ["a NUL in the name", body("db/a%00b"), "NUL", "no twin can mend"],
  ["a hidden name", body("db/.bashrc"), "starts with a dot", "no twin can mend"],
  ["a name longer than a file system takes", body(`db/${"é".repeat(128)}`), "256 bytes", "no twin can mend"],
  ["a product too large", body("db/x", "http://urp-1/", 1_000_001), "productBytesMax is 1000000", "no twin can mend"],
  [
    "no announcement at all",
    { body: Buffer.from("hello") },
    "malformed announcement: v00 has four",
    "no twin can mend",
  ],
  ["another protocol", body("db/x", "ftp://urp-1/"), "not ftp:", "a twin can mend"],
  ["a user", body("db/x", "http://urp-1@169.254.169.254/"), "names a user before 169.254.169.254", "a twin can mend"],
  [
    "a user before the own host",
    body("db/x", "http://me:secret@urp-1/"),
    "names a user before urp-1",
    "a twin can mend",
  ],
  ["the cloud's metadata", body("latest/meta-data", "http://169.254.169.254/"), "is not among", "a twin can mend"],
  ["its own metrics", body("metrics", "http://127.0.0.1:9103/"), "127.0.0.1:9103 is not among", "a twin can mend"],
  ["a host that is a number", body("metrics", "http://2130706433/"), "127.0.0.1 is not among", "a twin can mend"],
  ["another host", body("db/x", "http://urp-3/"), "host urp-3 is not among", "a twin can mend"],
])("%s is refused for good, with the reason", (_, message, reason, mending) => {
  const order = readOrder(message, { ...rules, allowedHosts: ["urp-1"] });
  expect(order.ok ? "" : order.reason).toContain(reason);
  expect(order.ok || order.twinCanMend).toBe(mending === "a twin can mend");
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

test("pauses double up to their limit, and after retriesMax the try is given up with the last reason", () => {
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

describe("how many tries there are, and what comes then", () => {
  test.each([
    ["server", "nobody can be asked", alone, 9, "give-up"],
    ["network", "nobody can be asked", alone, 9, "give-up"],
    ["not-found", "nobody can be asked", alone, 6, "give-up"],
    ["refused", "nobody can be asked", alone, 6, "give-up"],
    ["too-large", "nobody can be asked", alone, 1, "give-up"],
    ["network", "nobody can be asked, the server seems dead", { ...alone, isSilent: true }, 9, "give-up"],
    ["server", "the twin can be asked for", asking, 3, "ask"],
    ["timeout", "the twin can be asked for", asking, 3, "ask"],
    ["not-found", "the twin can be asked for", asking, 3, "ask"],
    ["size", "the twin can be asked for", asking, 3, "ask"],
    ["too-large", "the twin can be asked for", asking, 1, "give-up"],
    ["timeout", "the twin can be asked for, and the tries took long", { ...asking, spentMs: 5000 }, 1, "ask"],
    ["network", "the twin can be asked for, the server seems dead", { ...asking, isSilent: true }, 1, "ask"],
  ] as const)("%s, %s", (cause, _, standing, tries, then) => {
    const planAfter = (count: number) =>
      planNextStep({ cause, text: "x" }, { ...standing, tries: count }, retries).kind;
    for (let earlier = 1; earlier < tries; earlier += 1) expect(planAfter(earlier)).toBe("retry");
    expect(planAfter(tries)).toBe(then);
  });

  test("triesBeforeAlternate gives no more tries than there are in all", () => {
    const few = { ...retries, retriesMax: 0 };
    expect(planNextStep(server, { ...asking, tries: 1 }, few)).toEqual({
      kind: "ask",
      reason: "the server answers 503 (1 try)",
    });
  });
});

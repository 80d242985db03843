import { expect, test } from "vitest";
import { planNextStep, readOrder } from "./order.ts";

const name = "201501201810~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META::20150120180902";
const body = (path: string, base = "http://urp-1/", size = 498081) => ({
  body: Buffer.from(`a985c32cbdee8af2ab5d7b8f6022e781 ${size} ${base} ${path}`),
});
const rules = { productBytesMax: 1_000_000 };
const retries = { retriesMax: 8, notFoundRetriesMax: 3, retryDelayMinMs: 100, retryDelayMaxMs: 1000 };

test("an announcement asks for its URL, under the file's own name with all colon fields", () => {
  const order = readOrder(body(`db/20150120/RADAR/URP/IWA/${name}`), rules);
  expect(order).toEqual({
    ok: true,
    value: { url: `http://urp-1/db/20150120/RADAR/URP/IWA/${name}`, fileName: name, sizeBytes: 498081 },
  });
});

test("spaces and letters outside ASCII in a name reach the file system as they were", () => {
  const order = readOrder(body("db/x/%C3%A9%20%C3%BC"), rules);
  expect(order.ok && order.value.fileName).toBe("é ü");
});

test.each([
  ["a path that would leave the folder", body("db/../../etc/passwd"), '".." part'],
  ["an escaped slash", body("db/..%2f..%2fetc%2fpasswd"), 'escaped "/"'],
  ["a NUL in the name", body("db/a%00b"), "NUL"],
  ["a hidden name", body("db/.bashrc"), "starts with a dot"],
  ["a name longer than a file system takes", body(`db/${"é".repeat(128)}`), "256 bytes"],
  ["a product too large", body("db/x", "http://urp-1/", 1_000_001), "productBytesMax is 1000000"],
  ["another protocol", body("db/x", "ftp://urp-1/"), "not ftp:"],
  ["no announcement at all", { body: Buffer.from("hello") }, "malformed announcement: v00 has four fields"],
])("%s is refused for good, with the reason", (_, message, reason) => {
  const order = readOrder(message, rules);
  expect(order.ok ? "" : order.reason).toContain(reason);
});

test("with allowedHosts, other hosts and other ports are refused", () => {
  const allowed = { ...rules, allowedHosts: ["urp-1", "urp-2:8080"] };
  expect(readOrder(body("db/x", "http://urp-1/"), allowed).ok).toBe(true);
  expect(readOrder(body("db/x", "http://urp-1:8080/"), allowed).ok).toBe(true);
  expect(readOrder(body("db/x", "http://urp-2:8080/"), allowed).ok).toBe(true);
  expect(readOrder(body("db/x", "http://urp-2/"), allowed).ok).toBe(false);
  expect(readOrder(body("db/x", "http://urp-1@elsewhere/"), allowed).ok).toBe(false);
});

test("pauses double up to their limit, and after retriesMax the try is given up with the last reason", () => {
  const fault = { cause: "server", text: "the server answers 503" } as const;
  const delays: number[] = [];
  for (let tries = 1; tries <= retries.retriesMax; tries += 1) {
    const next = planNextStep(fault, tries, retries, () => 1);
    if (next.kind === "retry") delays.push(next.delayMs);
  }
  expect(delays).toEqual([100, 200, 400, 800, 1000, 1000, 1000, 1000]);
  expect(planNextStep(fault, 9, retries)).toEqual({ kind: "give-up", reason: "the server answers 503 (9 tries)" });
});

test("a product that is not there is given up sooner, one too large at once", () => {
  const gone = { cause: "not-found", text: "gone" } as const;
  expect(planNextStep(gone, 3, retries).kind).toBe("retry");
  expect(planNextStep(gone, 4, retries).kind).toBe("give-up");
  expect(planNextStep({ cause: "too-large", text: "large" }, 1, retries)).toEqual({
    kind: "give-up",
    reason: "large (1 try)",
  });
});

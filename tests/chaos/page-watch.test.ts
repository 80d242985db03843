import { expect, it } from "vitest";
import { emptyView } from "../../agents/monitor/flow-view.ts";
import { fixtureConfig } from "../../infra/model/fixture.ts";
import { mapOf } from "../page/scenarios.ts";
import { faults } from "./faults.ts";
import { roundOf } from "./fixture.ts";
import { type Asks, heldForPage, observe, PageWatch, withPageWatch } from "./page-watch.ts";
import type { Scene } from "./scene.ts";

const planned = { number: 1, fault: "", quietMs: 300, holdMs: 2000, other: 0, draw: 0 };
const ok = { state: "ok" as const, lines: [] };
const nodes = { "cluster:bunny": ok, "member:bunny1": ok };
const view = { ...emptyView(mapOf()), nodes, verdict: { state: "ok" as const, text: "All products arrive." } };
const right: Asks = {
  page: async () => JSON.stringify({ view, ageMs: 1000, sequence: 3 }),
  alerts: async () => "[]",
};
const fault = (name: string) => {
  const found = faults.find((one) => one.name === name);
  if (!found) throw new RangeError(name);
  return found;
};

it("waits after a round until the page is right", async () => {
  const watch = new PageWatch("bunny");
  const ended = new AbortController();
  const running = watch.run(right, ended.signal);
  const record = roundOf(1, "line-loss", Date.now());
  const { rightMs, shownMs } = await watch.settle(fault("line-loss"), record, new AbortController().signal);
  expect(rightMs).toBeGreaterThanOrEqual(0);
  expect(shownMs).toBeUndefined();
  expect(watch.wrong).toEqual([]);
  ended.abort();
  await running;
});

it("reports the round with what its page showed instead", async () => {
  const watch = new PageWatch("bunny");
  const page = { value: { view, ageMs: 1000 } };
  for (const second of [0, 10, 19, 21, 37]) watch.see({ atMs: second * 1000, page, alerts: { value: [] } });
  const record = roundOf(4, "link-cut", 1000, { healMs: 20_000, recoveredMs: 20_500 });
  expect(await watch.settle(fault("link-cut"), record, new AbortController().signal)).toMatchObject({ rightMs: 500 });
  expect(watch.wrong).toEqual([
    "round 4, link-cut on bunny1: the page did not show it within 15 s: member:bunny1 is ok",
  ]);
});

it.each([
  ["of another form", async () => '{"view": {}}', /ageMs/],
  ["that is not JSON", async () => "<html>", /JSON/],
  ["that does not come", () => Promise.reject(new Error("no answer within 5 s")), /^no answer within 5 s$/],
])("an answer %s is a fault, of the page or of Alertmanager", async (_, ask, text) => {
  const fault = { fault: expect.stringMatching(text) };
  expect(await observe({ ...right, page: ask })).toMatchObject({ page: fault, alerts: { value: [] } });
  const { page, alerts } = await observe({ ...right, alerts: ask });
  expect([page, alerts]).toEqual([{ value: expect.objectContaining({ ageMs: 1000 }) }, { fault: expect.anything() }]);
});

it("Ctrl-C ends the wait for a page that is not right", async () => {
  const watch = new PageWatch("bunny");
  const ended = new AbortController();
  const waiting = watch.settle(fault("line-loss"), roundOf(1, "line-loss", Date.now()), ended.signal);
  ended.abort();
  expect(await waiting).toEqual({ shownMs: undefined, rightMs: undefined });
  expect(watch.wrong).toEqual([]);
});

it("holds faults until the page must show them, unless they can't be seen", () => {
  expect(heldForPage(fault("link-cut"), planned).holdMs).toBe(20_000);
  expect(heldForPage(fault("link-cut"), { ...planned, holdMs: 30_000 }).holdMs).toBe(30_000);
  expect(heldForPage(fault("dispatcher-killed"), planned)).toBe(planned);
});

it("a lab without a monitor, or with one that chaos strikes, has no page to watch", async () => {
  const config = fixtureConfig();
  const hosts = Object.fromEntries(
    Object.entries(config.hosts).map(([name, host]) => [
      name,
      { ...host, roles: host.roles.filter((role) => role !== "monitor") },
    ]),
  );
  const scene = (more: Partial<Scene>): Scene =>
    ({ lab: "lab", config, members: ["bunny1", "bunny2"], ...more }) as Scene;
  const work = async () => expect.unreachable();
  for (const one of [scene({ config: { ...config, hosts } }), scene({ members: ["px-1"] })])
    await expect(withPageWatch(one, work)).rejects.toMatchObject({
      name: "UserError",
      remedy: "give another host in `warren:hosts` the role, see docs/live-page.md",
    });
});

import { readFileSync } from "node:fs";
import { request } from "node:http";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { oddPieces } from "../../tests/fuzz/values/texts.ts";
import {
  addressOnTheMove,
  alert,
  busy,
  deadRadarServer,
  fullDisk,
  healthy,
  mapOf,
} from "../../tests/page/scenarios.ts";
import { usePage } from "../../tests/page/shown.ts";
import { eventBytesMax } from "./hub.ts";

// The page in Debian's Chromium, from sources that answer like Prometheus, Alertmanager and the auditor. It does not prove that the queries are right.

const { show, start } = usePage();

const verdict = (page: Page) => page.locator(".verdict .text").last();
const text = async (page: Page): Promise<string> =>
  ((await verdict(page).textContent()) ?? "").replaceAll("\u00a0", " ");

describe("the verdict", () => {
  test.each([
    ["healthy", healthy(), "ok", /^All products arrive\. 0 lost, p99 0\.24 s, last \d+ s ago\.$/],
    ["a dead radar server", deadRadarServer(), "warn", /^Radar server urp-2\S* announces nothing .* 0 lost/],
    ["an address on the move", addressOnTheMove(), "bad", /^No host has 10\.203\.0\.50/],
    ["a full disk", fullDisk(), "warn", /^The disk of pds-4 is full/],
  ])("is right when the flow is %s", async (_, scenario, state, sentence) => {
    const { page, complaints } = await show(scenario);
    expect(await text(page)).toMatch(sentence);
    await expect.poll(() => page.locator(`header.top.${state}`).count()).toBe(1);
    expect(complaints).toEqual([]);
  });

  test("names what is wrong on the map where Alertmanager is silent, by shape and word", async () => {
    const { page } = await show({ ...deadRadarServer(), alerts: [], silences: [] });
    expect(await text(page)).toMatch(/^Urp-2: host down\./);
    const box = page.locator("svg.map g.node.bad");
    expect(await box.locator(".word").textContent()).toBe("host down");
    expect(await box.locator(".sign.bad").count()).toBe(1);
  });

  test("changes with the flow, without a reload", async () => {
    const { rig, page, complaints } = await show(healthy(), { runs: true });
    rig.sources.scenario = addressOnTheMove();
    await expect.poll(() => text(page)).toMatch(/^No host has/);
    rig.sources.scenario = healthy();
    await expect.poll(() => text(page)).toMatch(/^All products arrive/);
    expect(await page.evaluate(() => performance.getEntriesByType("navigation").length)).toBe(1);
    expect(complaints).toEqual([]);
  });

  test("is grey with its age when the figures are older than 15 seconds", async () => {
    // No event follows the second poll: it would tell the page the age by the clock of this process, which goes no faster.
    const { rig, page } = await show(healthy());
    await page.clock.install();
    await page.reload();
    rig.sources.isSilent = true;
    await rig.monitor.poll();
    await expect.poll(() => page.locator(".faults").textContent()).toMatch(/Prometheus does not answer: status 503/);
    await page.clock.fastForward(16_000);
    await page.clock.runFor(2000);
    await expect.poll(() => page.locator(".page.stale").count()).toBe(1);
    expect(await page.locator(".verdict .text").first().textContent()).toMatch(
      /^Not current: the figures are \d+\u00a0(s|min) old\.$/,
    );
    expect(await page.locator("main").evaluate((element) => getComputedStyle(element).filter)).toBe("grayscale(1)");
  }, 60_000);
});

test("a telephone of 320 pixels shows the map as a list and scrolls in one direction only", async () => {
  const { page } = await show(deadRadarServer(), { width: 320 });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
  expect(await page.locator("svg.map").first().isVisible()).toBe(false);
  expect(await page.locator(".map-list").first().textContent()).toMatch(/urp-2host down/);
});

test("more than eight pullers are one box that names those with a fault, and a list that opens", async () => {
  const map = mapOf(40);
  const scenario = healthy({ map });
  const up = scenario.figures.up?.map((one) => (one.labels.host === "pds-7" ? { ...one, value: 0 } : one)) ?? [];
  const { page } = await show({ ...scenario, figures: { ...scenario.figures, up } }, { map });
  const group = page.locator("svg.map g.node", { hasText: "40 pullers" });
  expect(await group.textContent()).toMatch(/1 not healthy.*pds-7: host down.*39 healthy/);
});

test("of many alerts the most urgent are open, and the others in a list that opens", async () => {
  const nowMs = Date.now();
  const alerts = Array.from({ length: 20 }, (_, at) =>
    alert({ name: `A${at}`, severity: at === 19 ? "page" : "ticket", summary: `alert ${at}` }, nowMs - at * 1000),
  );
  const { page } = await show({ ...healthy(), alerts });
  const shown = page.locator(".alerts .list strong:visible");
  expect(await shown.allTextContents()).toEqual(["A19", "A0", "A1", "A2", "A3", "A4"]);
  await page.getByText("14 more").click();
  await expect.poll(() => shown.count()).toBe(20);
});

describe("foreign texts", () => {
  test("hostile names are shown as text, in alerts, figures and products", async () => {
    const hostile = [
      ...oddPieces,
      "<img src=x onerror=alert(1)>",
      "</script><script>alert(1)</script>",
      "javascript:alert(1)",
    ];
    const alerts = hostile.map((name, index) => ({
      ...alert({ name: `Odd${index}`, severity: "ticket", summary: name, description: name }, Date.now() - index),
      annotations: { summary: name, description: name, runbook: name, step: name },
    }));
    const { rig, page, complaints } = await show({ ...healthy(), alerts });
    expect(await page.locator("img, iframe, script:not([src]), [onerror], [style*=expression]").count()).toBe(0);
    expect(await page.locator(".alerts a").count()).toBe(0);
    expect(await page.locator(".alerts li").count()).toBeGreaterThan(50);
    for (const name of ["<img src=x onerror=alert(1)>", "<", "&"])
      expect(await page.locator(".alerts .list p", { hasText: name }).count(), name).toBeGreaterThan(0);
    rig.sources.product = {
      ...{
        key: "0".repeat(32),
        path: "a/<b>&\u202e",
        state: "placed",
        firstMs: 1,
        announcedMs: 1000,
        announcedBy: "<urp>",
      },
      ...{
        dispatchedMs: 2000,
        placedMs: 3000,
        puller: '"><svg onload=alert(1)>',
        dispatchedAgain: false,
        repeated: false,
        unsure: false,
      },
      deadLetters: [{ atMs: 2500, reason: "<i>reason</i>" }],
    };
    await page.fill("#search-name", "<product>&x=1");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.locator(".hops tbody tr").count()).toBe(4);
    expect(await page.locator(".hops").textContent()).toContain('"><svg onload=alert(1)>');
    expect(await page.locator(".hops b, .hops i, .hops td svg").count()).toBe(0);
    expect(complaints).toEqual([]);
  });

  test("the history lists planned work and starts of agents within its range", async () => {
    const nowMs = Date.now();
    const silence = (agoMs: number, comment: string, createdBy = "warren") => ({
      ...{ id: comment, createdBy, comment, status: { state: "expired" }, matchers: [] },
      ...{ startsAt: new Date(nowMs - agoMs).toISOString(), endsAt: new Date(nowMs - agoMs + 60_000).toISOString() },
    });
    const silences = [
      silence(600_000, "./warren drill <b>-s op"),
      silence(7_200_000, "./warren up -s op"),
      silence(60_000, "by hand", "somebody"),
    ];
    const startedAt = [{ labels: { host: "urp-1", agent: "announcer" }, value: nowMs / 1000 - 30 }];
    const scenario = healthy();
    const { page } = await show({ ...scenario, silences, figures: { ...scenario.figures, startedAt } });
    const texts = () => page.locator(".marks td.text").allTextContents();
    await expect.poll(texts).toEqual(["announcer started on urp-1", "./warren drill <b>-s op"]);
    await page.locator(".ranges input").nth(1).check();
    await expect.poll(texts).toHaveLength(3);
  });

  test("the auditor's silence is reported in words", async () => {
    const { rig, page } = await show(healthy());
    rig.sources.isSilent = true;
    await page.fill("#search-name", "x");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.locator(".search").textContent()).toMatch(/the auditor does not answer: status 503/);
  });
});

describe("for everybody", () => {
  const axe = readFileSync(join(import.meta.dirname, "../../node_modules/axe-core/axe.min.js"), "utf8");
  test.each([
    ["light", 1280, healthy()],
    ["dark", 1280, addressOnTheMove()],
    ["light", 320, deadRadarServer()],
  ] as const)("axe finds nothing, %s, %d pixels", async (scheme, width, scenario) => {
    const { page } = await show(scenario, { width });
    await page.emulateMedia({ colorScheme: scheme });
    await page.evaluate(axe);
    const found = await page.evaluate(async () => {
      const { violations } = await (
        globalThis as unknown as { axe: { run(): Promise<{ violations: Violation[] }> } }
      ).axe.run();
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
    });
    expect(found).toEqual([]);
  });

  test("works by keyboard: search and ranges", async () => {
    const { page } = await show(healthy());
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Skip to alerts");
    await page.locator("#search-name").focus();
    await page.keyboard.press("Tab");
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe("Find");
    await page.locator(".ranges input").first().focus();
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => page.locator(".ranges input:checked").inputValue()).toBe("24h");
  });
});

interface Violation {
  readonly id: string;
  readonly nodes: readonly { readonly html: string }[];
}

describe("light", () => {
  test("HTML, style and script have less than 60 kB, compressed", async () => {
    const rig = await start(healthy());
    const html = await (await fetch(rig.url)).text();
    const names = [...html.matchAll(/(?:src|href)="(page-[^"]+)"/g)].map(([, name]) => name);
    expect(names).toHaveLength(2);
    const files = await Promise.all(names.map(async (name) => (await fetch(`${rig.url}${name}`)).text()));
    const bytes = [html, ...files].map((content) => gzipSync(content).length);
    console.log(`compressed bytes of HTML, style, script: ${bytes.join(", ")}`);
    expect(bytes.reduce((sum, one) => sum + one, 0)).toBeLessThan(60_000);
  });

  test("the first paint waits for no script", async () => {
    const { page } = await show(healthy(), { script: false });
    expect(await text(page)).toMatch(/^All products arrive/);
    expect(await page.locator("svg.map").count()).toBeGreaterThan(0);
  });

  test("events of 40 hosts and 200 products a second have less than 4 kB", async () => {
    const map = mapOf(40);
    const { rig } = await show(busy(map), { map });
    for (let poll = 0; poll < 12; poll++) {
      rig.sources.scenario = busy(map);
      await rig.monitor.poll();
    }
    const changes = rig.eventBytes.slice(1);
    console.log(`bytes of events: ${changes.join(", ")}`);
    expect(changes.length).toBeGreaterThan(0);
    expect(Math.max(...changes)).toBeLessThan(eventBytesMax);
  });

  test("forty browsers ask Prometheus and Alertmanager as often as one", async () => {
    const rig = await start(healthy());
    await rig.monitor.poll();
    const before = rig.sources.asked.length;
    const stopping = new AbortController();
    await Promise.all(Array.from({ length: 40 }, () => fetch(`${rig.url}events`, { signal: stopping.signal })));
    await Promise.all(Array.from({ length: 40 }, async () => (await fetch(`${rig.url}history?range=1h`)).json()));
    const afterHistory = rig.sources.asked.length;
    // A query for each line of the charts.
    expect(afterHistory - before).toBe(8);
    await rig.monitor.poll();
    expect(rig.sources.asked.length - afterHistory).toBeLessThan(45);
    stopping.abort();
  });
});

describe("safe", () => {
  const status = (url: string, options: { method?: string; host?: string } = {}): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      const { host, method = "GET" } = options;
      const sent = request(url, { method, ...(host === undefined ? {} : { headers: { host } }) }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      sent.on("error", reject).end();
    });

  test("answers GET and HEAD only, for its own names only, within limits", async () => {
    const { url } = await start(healthy());
    expect(await status(url)).toBe(200);
    expect(await status(url, { method: "HEAD" })).toBe(200);
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"]) expect(await status(url, { method })).toBe(405);
    expect(await status(url, { host: "evil.example" })).toBe(421);
    expect(await status(`${url}?${"x".repeat(5000)}`)).toBe(414);
    expect(await status(`${url}?${"x".repeat(20_000)}`)).toBe(431);
    expect(await status(`${url}history?range=99y`)).toBe(400);
    expect(await status(`${url}search?name=${"x".repeat(2000)}`)).toBe(503);
    expect(await status(`${url}..%2f..%2fetc/passwd`)).toBe(404);
  });

  test("allows no inline script or style and no other site", async () => {
    const { url } = await start(healthy());
    const response = await fetch(url);
    const policy = response.headers.get("content-security-policy") ?? "";
    expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'/);
    expect(policy).not.toMatch(/unsafe|\*/);
    expect(await response.text()).not.toMatch(/<style|<script(?![^>]* src=)| style=| on\w+="/);
  });
});

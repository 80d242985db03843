import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll } from "vitest";
import { chromiumOptions } from "./chromium.ts";
import { type PageRig, startPage } from "./rig.ts";
import type { Scenario } from "./scenarios.ts";

interface Shown {
  readonly rig: PageRig;
  readonly page: Page;
  /** What the browser complains about. */
  readonly complaints: string[];
}

/** One Chromium for the tests of a file. What they open is closed after each test. */
export function usePage() {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch(chromiumOptions);
  });
  afterAll(() => browser?.close());

  const open: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of open.splice(0).toReversed()) await close();
  });

  /** The page's server alone. */
  async function start(...[scenario, options]: Parameters<typeof startPage>): Promise<PageRig> {
    const rig = await startPage(scenario, options);
    open.push(() => rig.close());
    return rig;
  }

  async function show(
    scenario: Scenario,
    options: Parameters<typeof startPage>[1] & { width?: number; script?: boolean } = {},
  ): Promise<Shown> {
    const rig = await start(scenario, options);
    const { width = 1280, script = true } = options;
    const context = await browser.newContext({ viewport: { width, height: 900 }, javaScriptEnabled: script });
    open.push(() => context.close());
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(rig.url);
    if (script) await page.locator(".chart canvas").nth(2).waitFor();
    return { rig, page, complaints };
  }

  return { show, start };
}

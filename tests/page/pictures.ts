import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "playwright-core";
import type { FlowMap } from "../../agents/monitor/config.ts";
import { chromiumOptions } from "./chromium.ts";
import { startPage } from "./rig.ts";
import { addressOnTheMove, deadRadarServer, fullDisk, healthy, mapOf, type Scenario } from "./scenarios.ts";

// `npm run pictures [FOLDER]`: the pictures of docs/live-page.md, from the page with made-up figures. Needs Debian's chromium.

interface Picture {
  readonly name: string;
  readonly scenario: Scenario;
  /** Default: that of the lab. */
  readonly map?: FlowMap;
  readonly width: number;
  readonly height: number;
  readonly scheme: "light" | "dark";
  readonly full?: true;
}

const all: readonly Picture[] = [
  { name: "live-page-healthy", scenario: healthy(), width: 1100, height: 560, scheme: "light" },
  { name: "live-page-fault", scenario: addressOnTheMove(), width: 1100, height: 560, scheme: "dark" },
  { name: "live-page-phone", scenario: deadRadarServer(), width: 320, height: 900, scheme: "light" },
];
/** Of a picture in the docs. */
const bytesMax = 100_000;
/** Only to look at. */
const more: readonly Picture[] = [
  { name: "healthy-full", scenario: healthy(), width: 1280, height: 860, scheme: "light", full: true },
  { name: "dead-radar-server", scenario: deadRadarServer(), width: 1280, height: 860, scheme: "light", full: true },
  {
    name: "many-pullers",
    scenario: healthy({ map: mapOf(40), rate: 200 }),
    map: mapOf(40),
    width: 1280,
    height: 860,
    scheme: "dark",
    full: true,
  },
  { name: "full-disk", scenario: fullDisk(), width: 1280, height: 860, scheme: "dark", full: true },
  { name: "phone-full", scenario: deadRadarServer(), width: 320, height: 1000, scheme: "dark", full: true },
  { name: "tablet", scenario: healthy(), width: 900, height: 860, scheme: "light", full: true },
];

async function take(folder: string, pictures: readonly Picture[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  const browser = await chromium.launch(chromiumOptions);
  try {
    for (const { name, scenario, map = mapOf(), width, height, scheme, full } of pictures) {
      const rig = await startPage(scenario, { map });
      const page = await browser.newPage({ viewport: { width, height }, colorScheme: scheme });
      page.on("console", (message) => process.stderr.write(`${name}: ${message.text()}\n`));
      page.on("pageerror", (error) => process.stderr.write(`${name}: ${error.message}\n`));
      await page.goto(rig.url);
      await page.locator(".chart canvas").nth(2).waitFor();
      const { length } = await page.screenshot({
        path: join(folder, `${name}.png`),
        ...(full ? { fullPage: true } : {}),
      });
      if (!full && length > bytesMax) throw new Error(`${name} has ${length} bytes, more than ${bytesMax}`);
      await page.close();
      await rig.close();
    }
  } finally {
    await browser.close();
  }
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  await take(folder ?? join(import.meta.dirname, "../../docs/images"), folder === undefined ? all : [...all, ...more]);
}

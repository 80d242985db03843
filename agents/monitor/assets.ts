import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { BuildOptions } from "esbuild";

/** The page's script and style. */
export interface Assets {
  readonly script: string;
  readonly style: string;
}

/** Defined by whoever bundles this agent (`infra/resources/artifacts.ts`): the assets, made by `buildAssets`. */
declare const WARREN_PAGE_ASSETS: Assets | undefined;

/** Chromium and Firefox of Debian 12. */
const options: BuildOptions = {
  bundle: true,
  minify: true,
  write: false,
  legalComments: "none",
  target: ["chrome120", "firefox115"],
};

/** Bundles the page for browsers; needs the checkout, with esbuild. */
export async function buildAssets(checkout: string): Promise<Assets> {
  const { build } = await import("esbuild");
  const page = join(checkout, "agents/monitor/page");
  const [script, style] = await Promise.all([
    build({ ...options, absWorkingDir: checkout, entryPoints: [join(page, "client.ts")], format: "iife" }),
    build({ ...options, stdin: { contents: styleSource(page), loader: "css" } }),
  ]);
  return { script: script.outputFiles?.[0]?.text ?? "", style: style.outputFiles?.[0]?.text ?? "" };
}

const styleSource = (page: string): string => {
  const uplot = createRequire(import.meta.url).resolve("uplot/dist/uPlot.min.css");
  return `${readFileSync(uplot, "utf8")}\n${readFileSync(join(page, "style.css"), "utf8")}`;
};

/** Those in the bundle; from a checkout they are made now. */
export const loadAssets = async (): Promise<Assets> =>
  typeof WARREN_PAGE_ASSETS === "undefined" ? buildAssets(join(import.meta.dirname, "../..")) : WARREN_PAGE_ASSETS;

import type { Command } from "commander";
import { defineChain, defineRest } from "./bench/chain-verb.ts";
import { defineDeliver } from "./bench/deliver-verb.ts";
import { defineDispatch } from "./bench/dispatch-verb.ts";
import { defineFigures } from "./bench/figures-verb.ts";
import { definePreview } from "./bench/preview-verb.ts";
import { definePull } from "./bench/pull-verb.ts";
import { defineWatch } from "./bench/watch-verb.ts";

/** `./warren bench WHAT`. */
export function define(command: Command): void {
  defineDispatch(command);
  defineChain(command);
  definePull(command);
  defineWatch(command);
  defineDeliver(command);
  definePreview(command);
  defineRest(command);
  defineFigures(command);
}

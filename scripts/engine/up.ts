import type { Command } from "commander";
import { defineOperation } from "./operation.ts";

/** `./warren up -s STACK`: `pulumi up`, of a stack that is created where it does not exist. */
export function define(command: Command): void {
  defineOperation(command, {
    name: "up",
    asks: true,
    create: true,
    refreshes: true,
    // The preview is there to ask about; with --yes nobody is asked, and the hosts are observed once, not twice.
    withYes: ["--skip-preview"],
    examples: ["./warren up -s lab", "./warren up -s op --yes", "./warren up -s op --diff --target '**bunny1**'"],
  });
}

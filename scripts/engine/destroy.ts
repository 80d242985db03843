import type { Command } from "commander";
import { defineOperation } from "./operation.ts";

/** `./warren destroy -s STACK`: `pulumi destroy`. The hosts stay, without what `up` put there. */
export function define(command: Command): void {
  defineOperation(command, {
    name: "destroy",
    asks: true,
    create: false,
    refreshes: false,
    withYes: ["--skip-preview"],
    examples: ["./warren destroy -s lab", "./warren destroy -s dev --yes"],
  });
}

import type { Command } from "commander";
import { defineOperation } from "./operation.ts";

/** `./warren preview -s STACK`: `pulumi preview`; with --expect-no-changes it checks for drift. */
export function define(command: Command): void {
  defineOperation(command, {
    name: "preview",
    asks: false,
    create: true,
    refreshes: true,
    withYes: [],
    examples: [
      "./warren preview -s lab",
      "./warren preview -s op --expect-no-changes",
      "./warren preview -s op --full",
    ],
  });
}

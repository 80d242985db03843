import { Command } from "commander";
import { expect, it } from "vitest";
import { defineLabVerbs } from "./verbs.ts";

it.each([
  ["lab", "--name", "mine", "boot", "urp-1"],
  ["lab", "boot", "--name", "mine", "urp-1"],
])("`%s %s %s %s %s` is about that lab, not the default one", async (...words) => {
  const program = new Command("warren").enablePositionalOptions();
  const lab = program.command("lab").enablePositionalOptions().option("--name <lab>", "which lab", "lab");
  defineLabVerbs(lab);
  await expect(program.parseAsync(words, { from: "user" })).rejects.toThrow("is not up");
  await expect(program.parseAsync(words, { from: "user" })).rejects.toMatchObject({ subject: "lab mine" });
});

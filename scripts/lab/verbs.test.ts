import { Command } from "commander";
import { expect, it } from "vitest";
import { defineLabVerbs, labOptions } from "./verbs.ts";

it.each([
  ["lab", "--name", "mine", "boot", "urp-1"],
  ["lab", "boot", "--name", "mine", "urp-1"],
])("`%s %s %s %s %s` uses that lab, not the default one", async (...words) => {
  const program = new Command("warren").enablePositionalOptions();
  const lab = labOptions(program.command("lab").enablePositionalOptions());
  defineLabVerbs(lab);
  await expect(program.parseAsync(words, { from: "user" })).rejects.toThrow("is not up");
  await expect(program.parseAsync(words, { from: "user" })).rejects.toMatchObject({ subject: "lab mine" });
});

it.each([
  ["lab", "-s", "lab4", "boot", "no-such-host"],
  ["lab", "boot", "--stack", "lab4", "no-such-host"],
])("`%s %s %s %s %s` uses the lab of that stack", async (...words) => {
  const program = new Command("warren").enablePositionalOptions();
  const lab = labOptions(program.command("lab").enablePositionalOptions());
  defineLabVerbs(lab);
  const taken: unknown[] = [];
  lab.hook("preAction", (_, action) => void taken.push(action.getOptionValue("name")));
  await expect(program.parseAsync(words, { from: "user" })).rejects.toThrow();
  expect(taken).toEqual(["lab4"]);
});

import { execa } from "execa";
import { expect, test } from "vitest";

/** `script` gives the process a terminal. Standard input is typed there once it asks. */
function ask(keys: string) {
  const module = JSON.stringify(new URL("confirm.ts", import.meta.url).href);
  const code = `
    const { confirm } = await import(${module});
    await confirm({ verb: "restart", text: "restart these", yes: false }).then(
      () => console.error("yes"),
      (error) => console.error([error.name, error.format()].join(": ")),
    );`;
  const child = execa(
    "script",
    ["--quiet", "--return", "--command", `${process.execPath} --input-type=module -e '${code}'`, "/dev/null"],
    { stdin: "pipe", reject: false },
  );
  let printed = "";
  child.stdout.on("data", (data: Buffer) => {
    const wasAsked = printed.includes("[y/N]");
    printed += data.toString();
    if (!wasAsked && printed.includes("[y/N]")) child.stdin.write(keys);
  });
  return child;
}

const refused = "restart: not confirmed; nothing was changed";

test.each([
  ["y\r", "yes"],
  ["yes\r", "yes"],
  ["n\r", `UserError: ${refused}`],
  ["\r", `UserError: ${refused}`],
  ["\u0003", `Interrupted: ${refused}`],
  ["\u0004", `Interrupted: ${refused}`],
])("the answer %j to a question", { timeout: 60_000 }, async (keys, meaning) => {
  const { stdout } = await ask(keys);
  expect(stdout.trim().split("\r\n").at(-1)).toBe(meaning);
});

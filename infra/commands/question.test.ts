import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { quote } from "./command.ts";
import { askedAs, lastLines, scriptAskedAs } from "./question.ts";
import { readSections, section } from "./sections.ts";

// Run by a shell as on a host, with an account that every Debian has. Its group has another name.

const account = "nobody";
const id = 65_534;
const shell = async (script: string) => {
  const input = script.replaceAll("--regid=nobody", `--regid=${id}`);
  const began = performance.now();
  const { stdout } = await execa("sh", ["-s"], { input, reject: false });
  return { stdout, seconds: (performance.now() - began) / 1000 };
};

let root: string;
let folder: string;
const at = (name: string) => join(folder, name);
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "warren-asked-"));
  chmodSync(root, 0o755);
  writeFileSync(join(root, "of root"), "secret\n", { mode: 0o600 });
  folder = join(root, "state");
  mkdirSync(folder);
  chownSync(folder, id, id);
  writeFileSync(at("plain"), "first\nlast\n");
  writeFileSync(at("torn"), `${"x".repeat(10_000)}\ncomplete\ntorn`);
  symlinkSync("/dev/zero", at("zero"));
  symlinkSync(join(root, "of root"), at("link"));
  execFileSync("mkfifo", ["-m", "0666", at("fifo")]);
  writeFileSync(at("endless"), "");
  truncateSync(at("endless"), 2 ** 40);
});
afterAll(() => rmSync(root, { recursive: true }));

describe("an answer from a folder of another account", () => {
  it("has the last lines of plain files only, and reads only the end of each", async () => {
    const { stdout, seconds } = await shell(
      ["plain", "torn", "zero", "link", "fifo", "none"]
        .map((name) => `echo ${name}\n${lastLines(account, `${quote(at(name))} -maxdepth 0`)}`)
        .join("\n"),
    );
    expect(stdout.split("\n").filter((line) => line !== "")).toEqual([
      ...["plain", "last", "torn", "torn", "zero", "link", "fifo", "none"],
    ]);
    expect(seconds).toBeLessThan(2);
    const { stdout: end } = await shell(lastLines(account, `${quote(at("endless"))} -maxdepth 0`));
    expect(end.length).toBeLessThan(5000);
  });

  it("has nothing that the account could not read itself, wherever a name leads", async () => {
    expect((await shell(askedAs(account, `cat ${quote(at("link"))}`))).stdout).toBe("");
    expect((await shell(askedAs("root", `cat ${quote(at("link"))}`))).stdout).toBe("secret");
  });

  it("is limited in time and bytes", async () => {
    const fifo = await shell(`${askedAs(account, `cat ${quote(at("fifo"))}`, { seconds: 1 })}\necho after`);
    expect(fifo.stdout.trim()).toBe("after");
    expect(fifo.seconds).toBeLessThan(3);
    const zero = await shell(`${askedAs(account, `cat ${quote(at("zero"))}`, { bytes: 1000 })} | wc -c`);
    expect(zero.stdout.length).toBeLessThan(2000);
    expect(zero.seconds).toBeLessThan(3);
  });

  it("is limited in memory for a line that doesn't end", async () => {
    const script = `grep -a x ${quote(at("zero"))} | tail -n 1; echo after`;
    const { stdout, seconds } = await shell(scriptAskedAs(account, script, { seconds: 10 }));
    expect(stdout.trim()).toBe("after");
    expect(seconds).toBeLessThan(10);
  });

  it("comes from a program that can't read the rest of the script", async () => {
    const { stdout } = await shell(`${askedAs(account, "cat")}\necho ${quote(section("end"))}\n`);
    expect(stdout.trim()).toBe(section("end"));
  });

  it("can neither start a section by a file name nor swallow the next one by ending early", async () => {
    writeFileSync(at("x\n== units\nId=forged\n== end"), "");
    const begin = (name: string) => `echo ${quote(section(name))}`;
    const script = [
      ...[begin("names"), askedAs(account, `find ${quote(folder)} -name 'x*' -printf '%f'`)],
      ...[begin("units"), "echo Id=real", begin("end")],
    ].join("\n");
    const sections = readSections((await shell(script)).stdout);
    expect([...(sections?.keys() ?? [])]).toEqual(["names", "units", "end"]);
    expect(sections?.get("units")).toEqual(["Id=real"]);
    expect(sections?.get("names")).toContain("Id=forged");
    expect(readSections("== end\n")).toBeUndefined();
  });
});

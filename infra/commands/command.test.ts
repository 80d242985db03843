import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { always, and, asRoot, noted, or, quote, render, run } from "./command.ts";
import { candidate, installFile, type Program, stagedAt, writeFile } from "./files.ts";

const sh = (script: string, input = "") => execFileSync("sh", ["-c", script], { input, encoding: "utf8" });

describe("render", () => {
  it("passes every word to the program unchanged, whatever it contains", () => {
    const word = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => !text.includes("\0"));
    fc.assert(
      fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
        expect(sh(render(run("printf", "%s\\n", ...words)))).toBe(`${words.join("\n")}\n`);
      }),
      { numRuns: 40 },
    );
  });

  it("keeps words unchanged through timeout and a second shell", () => {
    const words = ["it's", "$HOME", "`id`", "a b", "#no", '"q"', "*"];
    expect(sh(render(asRoot("root", 5, run("printf", "%s\\n", ...words))))).toBe(`${words.join("\n")}\n`);
  });

  it("uses sudo if the login isn't root", () => {
    expect(render(asRoot("ops", 7, run("true")))).toBe("sudo -n timeout --kill-after=5 7 sh -c true");
  });

  it("joins commands by success, by failure, and unconditionally", () => {
    const say = (text: string) => run("echo", text);
    expect(sh(render(and(say("a"), or(run("false"), say("b")), always(run("false"), say("c")))))).toBe("a\nb\nc\n");
  });

  it("writes notes as comments of one line each before the command", () => {
    expect(render(asRoot("root", 5, noted(["content 1", "two\nlines"], run("true"))))).toBe(
      "# content 1\n# two lines\ntimeout --kill-after=5 5 sh -c true",
    );
  });

  it("quotes only words that need it", () => {
    expect(quote("/etc/hosts")).toBe("/etc/hosts");
    expect(quote("")).toBe("''");
  });
});

describe("writeFile", () => {
  let folder: string;
  const me = { owner: String(process.getuid?.()), group: String(process.getgid?.()) };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "warren-files-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("creates folders, writes all of standard input, sets the mode, and leaves no other file", () => {
    const path = join(folder, "a/b/file");
    sh(render(writeFile({ path, ...me, mode: "0640" })), "content\n");
    expect(readFileSync(path, "utf8")).toBe("content\n");
    expect(statSync(path).mode & 0o7777).toBe(0o640);
    expect(readdirSync(join(folder, "a/b"))).toEqual(["file"]);
  });

  it("keeps the old file and leaves no temporary one when validation fails", () => {
    const path = join(folder, "file");
    const place = { path, ...me, mode: "0644" };
    const validate = ["grep", "-q", "good", candidate];
    sh(render(writeFile(place, { validate })), "good\n");
    expect(() => sh(render(writeFile(place, { validate })), "bad\n")).toThrow();
    expect(readFileSync(path, "utf8")).toBe("good\n");
    expect(readdirSync(folder)).toEqual(["file"]);
  });

  it("fails and keeps the old file when the disk is full", () => {
    const path = join(folder, "file");
    sh(render(writeFile({ path, ...me, mode: "0644" })), "old\n");
    // A limit of 0 bytes per file simulates a full disk: the write fails after the file was created.
    const script = `ulimit -f 0; ${render(writeFile({ path, ...me, mode: "0644" }))}`;
    expect(() => sh(script, "new\n")).toThrow();
    expect(readFileSync(path, "utf8")).toBe("old\n");
    expect(readdirSync(folder)).toEqual(["file"]);
  });
});

describe("installFile, as root", () => {
  let home: string;
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), "warren-install-"));
  });
  afterEach(() => rmSync(home, { recursive: true, force: true }));

  const digestOf = (content: string | Buffer) => createHash("sha256").update(content).digest("hex");
  const program = (packed: Buffer, installed: string) => ({
    ...{ path: join(home, "opt/node"), owner: "root", group: "root", mode: "0755", name: "node", source: "x/node.zst" },
    ...{ sha256: digestOf(packed), installedSha256: digestOf(installed) },
  });
  const install = (one: Program) => execFileSync("sh", ["-c", render(installFile(one))], { cwd: home, stdio: "pipe" });

  it("unpacks the copy in the login's home, and removes it", () => {
    const one = program(zstdCompressSync("runtime"), "runtime");
    writeFileSync(join(home, stagedAt(one)), zstdCompressSync("runtime"));
    install(one);
    expect(readFileSync(one.path, "utf8")).toBe("runtime");
    expect(readdirSync(home)).toEqual(["opt"]);
    expect(statSync(join(home, "opt/node.checked"), { bigint: true }).mtimeNs).toBeGreaterThanOrEqual(
      statSync(one.path, { bigint: true }).ctimeNs,
    );
    // The copy is gone; what is installed is enough.
    install(one);
    writeFileSync(one.path, "runtime, changed");
    expect(() => install(one)).toThrow();
  });

  it.each([
    ["a copy with another digest", (one: Program) => ({ ...one, sha256: digestOf("another") })],
    ["what unpacks to something else", (one: Program) => ({ ...one, installedSha256: digestOf("another") })],
  ])("does not install %s", (_, changed) => {
    const one = changed(program(zstdCompressSync("runtime"), "runtime"));
    mkdirSync(join(home, "opt"));
    writeFileSync(one.path, "former");
    writeFileSync(join(home, stagedAt(one)), zstdCompressSync("runtime"));
    expect(() => install(one)).toThrow();
    expect(readFileSync(one.path, "utf8")).toBe("former");
    expect(readdirSync(join(home, "opt"))).toEqual(["node"]);
  });
});

import { createHash } from "node:crypto";
import { structuredPatch } from "diff";
import { printable } from "../../agents/lib/foreign.ts";
import { quote } from "../commands/command.ts";
import { askedAs } from "../commands/question.ts";
import { readSections, section } from "../commands/sections.ts";
import { connect } from "../hosts/connect.ts";
import { keeperOf } from "../model/keeper.ts";
import type { EnvironmentModel, FileModel, HostModel } from "../model/types.ts";
import { maskFor } from "../plugins/lib/masking.ts";
import { digest, hasOtherContent } from "./drift.ts";
import type { Observations } from "./index.ts";

/** Bytes of a file whose lines are compared. */
const bytesMax = 64 * 1024;
/** Milliseconds for a host to send its files. */
const answerTimeoutMs = 10_000;
/** Unchanged lines around a change. */
const context = 2;
/** Lines added and removed. Time and memory grow with its square: a host could keep a preview busy for minutes with lines that all differ. */
const maxEditLength = 1000;
/** Characters of a line that are shown. */
const lineCharactersMax = 500;

/** A file whose content is not the wanted one, on hosts where it differs in the same way. */
export interface FileDifference {
  readonly hosts: readonly string[];
  readonly path: string;
  /** A unified diff without its first two lines: `-` is the host's line, `+` the wanted one. Secrets are masked. */
  readonly lines: readonly string[];
}

/**
 * Reads the files that differ from the model, whether the host has drifted or the config has changed, and compares them line by line. Files with
 * secrets are left out; a host that doesn't answer now has no differences.
 *
 * @param checkout folder of the project, see `connect`
 * @param secrets of the stack, which are masked
 */
export async function fileDifferences(
  model: EnvironmentModel,
  observations: Observations,
  checkout: string,
  secrets: readonly string[],
): Promise<FileDifference[]> {
  const asked = model.hosts.flatMap((host) => {
    const files = differingFiles(host, observations);
    return files.length > 0 ? [{ host, files }] : [];
  });
  if (asked.length === 0) return [];
  const hosts = await connect(model, checkout);
  const mask = maskFor(secrets);
  const found = await Promise.all(
    asked.map(async ({ host, files }) => {
      const answer = await hosts.ask(host.name, contentScript(host, files), readContents, answerTimeoutMs);
      if ("unreachable" in answer) return [];
      return files.flatMap((file, index) => {
        const content = answer.contents[index];
        if (content === undefined) return [];
        const lines = linesBetween(content, Buffer.from(file.content)).map((line) => shortened(printable(mask(line))));
        return lines.length > 0 ? [{ host: host.name, path: file.path, lines }] : [];
      });
    }),
  );
  const alike = Map.groupBy(found.flat(), ({ path, lines }) => JSON.stringify([path, lines]));
  return [...alike.values()].flatMap((same) => {
    const [first] = same;
    return first ? [{ hosts: same.map(({ host }) => host), path: first.path, lines: first.lines }] : [];
  });
}

const shortened = (line: string): string =>
  line.length > lineCharactersMax ? `${line.slice(0, lineCharactersMax)}…` : line;

/** Files that are there, as plain files, with another content. One that is closed to others, but should not be, may have been a secret before. */
function differingFiles(host: HostModel, observations: Observations): FileModel[] {
  const observed = observations.get(host.name);
  if (!observed || "unreachable" in observed) return [];
  return host.files.filter((file) => {
    const found = observed.files.get(file.path);
    if (file.secret || found?.kind !== "file" || found.sha256 === undefined) return false;
    if (isOpen(file.mode) && !isOpen(found.mode)) return false;
    return hasOtherContent(file, found);
  });
}

/** Whether others than owner and group may read a file of this octal mode. */
const isOpen = (mode: string): boolean => (Number.parseInt(mode, 8) & 0o004) !== 0;

/** One section a file, in order: `=` and its first `bytesMax + 1` bytes in base64. Read with the rights of the account that can replace the file. */
function contentScript(host: HostModel, files: readonly FileModel[]): string {
  const bytes = bytesMax + 1;
  const reads = files.flatMap(({ path }, index) => {
    const read = `printf =; head -c ${bytes} -- "$1" | base64 -w 0`;
    const find = `find ${quote(path)} -maxdepth 0 -type f -exec sh -c ${quote(read)} sh '{}' ';'`;
    const asked = askedAs(keeperOf(host, path).account, find, { bytes: 2 * bytes });
    return [`echo ${quote(section(`file ${index}`))}`, asked, "echo"];
  });
  return ["export LC_ALL=C", "cd /", ...reads, `echo ${quote(section("end"))}`, ""].join("\n");
}

/** @returns the files' bytes in the order of the script, undefined for one that is gone; undefined if the answer is truncated */
export function readContents(answer: string): { readonly contents: (Buffer | undefined)[] } | undefined {
  const sections = readSections(answer);
  if (!sections) return undefined;
  const contents: (Buffer | undefined)[] = [];
  for (const [name, lines] of sections) {
    const index = /^file (\d+)$/.exec(name)?.[1];
    const text = lines.join("");
    if (index !== undefined && text.startsWith("=")) contents[Number(index)] = Buffer.from(text.slice(1), "base64");
  }
  return { contents };
}

/** How one content becomes another, as the lines of a unified diff; sizes and digests where that would be no text or too long. */
export function linesBetween(found: Buffer, wanted: Buffer): string[] {
  const options = { context, maxEditLength };
  const patch =
    isText(found) && isText(wanted)
      ? structuredPatch("", "", found.toString("utf8"), wanted.toString("utf8"), "", "", options)
      : undefined;
  if (!patch) return [`- ${sizeOf(found)}`, `+ ${sizeOf(wanted)}`];
  return patch.hunks.flatMap(({ oldStart, oldLines, newStart, newLines, lines }) => [
    `@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`,
    ...lines,
  ]);
}

const isText = (content: Buffer): boolean => content.length <= bytesMax && !content.includes(0);

const sizeOf = (content: Buffer): string =>
  content.length > bytesMax
    ? `more than ${bytesMax} bytes`
    : `${content.length} bytes, ${digest(createHash("sha256").update(content).digest("hex"))}`;

import { dirname } from "node:path/posix";
import { quote } from "../../../../infra/commands/command.ts";
import { readSections, section } from "../../../../infra/commands/sections.ts";
import { eventOf, parseEntry } from "../../logs/journal.ts";
import type { MarkedProduct } from "./product.ts";

const end = `echo ${quote(section("end"))}\n`;

/**
 * Writes a product below a root, by a rename and as the owner of its folder, and prints the time. New folders belong to the root's owner, or to the owner of
 * their parent folder if only root may write there. `putAt` reads the answer.
 */
export function putQuestion(root: string, { file, folder }: MarkedProduct): string {
  const directory = quote(`${root}/${folder}`);
  const [staged, path] = [quote(`${root}/${folder}.${file}`), quote(`${root}/${folder}${file}`)];
  return [
    "set -e",
    "export LC_ALL=C",
    `runuser -u "$(stat -c %U ${quote(root)})" -- mkdir -p ${directory} 2>/dev/null || mkdir -p ${directory}`,
    `owner=$(stat -c %U ${directory})`,
    `printf '%s\\n' ${quote(file)} | runuser -u "$owner" -- sh -c 'umask 022; cat > "$1"' sh ${staged}`,
    `runuser -u "$owner" -- mv ${staged} ${path}`,
    `echo ${quote(section("put"))}`,
    // An agent may already have picked it up.
    `stat -c %.Z ${path} 2>/dev/null || date +%s.%N`,
    end,
  ].join("\n");
}

/** @returns milliseconds since 1970; undefined if it was not written */
export function putAt(answer: string): number | undefined {
  const seconds = Number(readSections(answer)?.get("put")?.[0] ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds * 1000 : undefined;
}

/** Prints log lines of units that contain a mark. `marked` reads the answer. */
export function markedQuestion(units: readonly string[], mark: string): string {
  const chosen = units.map((unit) => `--unit=${quote(unit)}`).join(" ");
  return [
    "export LC_ALL=C",
    `journalctl --quiet --no-pager --output=json --since=-600s ${chosen} | grep -F -- ${quote(mark)} | tail -n 50`,
    end,
  ].join("\n");
}

export interface MarkedLine {
  readonly unit: string;
  readonly atMs: number;
  readonly event: string | undefined;
  readonly text: string;
}

/** @returns undefined if the answer is incomplete */
export function marked(host: string, answer: string): MarkedLine[] | undefined {
  if (!readSections(answer)) return undefined;
  return answer.split("\n").flatMap((line): MarkedLine[] => {
    const entry = parseEntry(host, line);
    return entry ? [{ unit: entry.unit, atMs: entry.atMs, event: eventOf(entry), text: entry.text }] : [];
  });
}

/**
 * Removes files with the mark below these folders and, in trees with folders by day, also the folders made for them. On the public data server folders stay:
 * px's sender caches which folders exist, and fails once if one has disappeared.
 */
export function cleanQuestion(roots: readonly string[], { mark, folder, site }: MarkedProduct): string {
  const files = roots.map((root) => `find ${quote(root)} -type f -name ${quote(`*${mark}*`)} -delete 2>/dev/null`);
  if (folder === "") return ["export LC_ALL=C", ...files, end].join("\n");
  // Folders above the site's belong to the day; they are removed if the probe was its first product.
  const folders = roots.flatMap((root) => [
    `find ${quote(root)} -mindepth 1 -type d -name ${quote(site)} -empty -delete 2>/dev/null`,
    `cd ${quote(root)} && rmdir -p ${quote(dirname(folder))} 2>/dev/null`,
  ]);
  return ["export LC_ALL=C", ...files, ...folders, end].join("\n");
}

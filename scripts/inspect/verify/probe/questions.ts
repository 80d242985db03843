import { dirname } from "node:path/posix";
import { quote } from "../../../../infra/commands/command.ts";
import { readSections, section } from "../../../../infra/commands/sections.ts";
import { eventOf, parseEntry } from "../../logs/journal.ts";
import type { MarkedProduct } from "./product.ts";

const end = `echo ${quote(section("end"))}\n`;

/**
 * Puts a product under a root, by a rename, as the owner of its folder; says when. Folders that are made belong to the root's owner, or to that of a
 * folder that only root may write. `putAt` reads the answer.
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
    // Whoever takes it may have taken it by now.
    `stat -c %.Z ${path} 2>/dev/null || date +%s.%N`,
    end,
  ].join("\n");
}

/** @returns milliseconds since 1970; undefined where it was not put */
export function putAt(answer: string): number | undefined {
  const seconds = Number(readSections(answer)?.get("put")?.[0] ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds * 1000 : undefined;
}

/** What units said of a mark since a probe began. `marked` reads the answer. */
export function markedQuestion(units: readonly string[], mark: string): string {
  const chosen = units.map((unit) => `--unit=${quote(unit)}`).join(" ");
  return [
    "export LC_ALL=C",
    `journalctl --quiet --no-pager --output=json --since=-600s ${chosen} | grep -F -- ${quote(mark)} | tail -n 50`,
    end,
  ].join("\n");
}

export interface Said {
  readonly unit: string;
  readonly atMs: number;
  readonly event: string | undefined;
  readonly text: string;
}

/** @returns undefined where the answer ends early */
export function marked(host: string, answer: string): Said[] | undefined {
  if (!readSections(answer)) return undefined;
  return answer.split("\n").flatMap((line): Said[] => {
    const entry = parseEntry(host, line);
    return entry ? [{ unit: entry.unit, atMs: entry.atMs, event: eventOf(entry), text: entry.text }] : [];
  });
}

/**
 * Removes what has the mark below these folders; of a tree with folders by day also those that were made for it. Px's sender knows which folders there are
 * on the public server, and is refused once where one has gone: there they stay.
 */
export function cleanQuestion(roots: readonly string[], { mark, folder, site }: MarkedProduct): string {
  const files = roots.map((root) => `find ${quote(root)} -type f -name ${quote(`*${mark}*`)} -delete 2>/dev/null`);
  if (folder === "") return ["export LC_ALL=C", ...files, end].join("\n");
  // What is above the site's folder is the day's: it goes where the probe was its first product.
  const folders = roots.flatMap((root) => [
    `find ${quote(root)} -mindepth 1 -type d -name ${quote(site)} -empty -delete 2>/dev/null`,
    `cd ${quote(root)} && rmdir -p ${quote(dirname(folder))} 2>/dev/null`,
  ]);
  return ["export LC_ALL=C", ...files, ...folders, end].join("\n");
}

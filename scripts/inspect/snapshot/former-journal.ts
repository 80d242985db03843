import { exportVersion } from "../../../agents/lib/journal-export.ts";

// Agents without `--export` have the same files. During a rollout some hosts still run them. Remove this file with the last of them.

type FormerAgent = "announcer" | "dispatcher" | "puller";

/** A week of products has a tenth of this. Longer files, and other than regular files, were not written by the agent. */
const linesBytesMost = 400_000_000;
const segmentBytesMost = 64 * 1024 * 1024;

/** `say` prints an entry if it is wanted; `read` returns the bytes of a regular file, and none of anything else. */
const begin = (agent: FormerAgent): string[] => [
  'const fs = require("fs"), path = require("path"), [folder, since, wanted] = process.argv.slice(1);',
  "const say = (entry) => { if ((!wanted || entry.key === wanted) && (!since || entry.timeMs >= Number(since)))",
  `console.log(JSON.stringify({ version: ${exportVersion}, agent: ${JSON.stringify(agent)}, ...entry })); };`,
  "const read = (file, most) => { const about = fs.lstatSync(file);",
  "return about.isFile() && about.size <= most ? fs.readFileSync(file) : Buffer.alloc(0); };",
  `const lines = (file) => read(file, ${linesBytesMost}).toString().split("\\n")`,
  ".flatMap((line) => { try { return [JSON.parse(line)]; } catch { return []; } });",
];

/** Programs for `node -e` that print lines as `--export` does. Arguments: state folder, time in milliseconds or empty, key or empty. */
export const formerReaders: Readonly<Record<FormerAgent, string>> = {
  // Path, inode, size, modification, announcement.
  announcer: [
    ...begin("announcer"),
    'for (const [file, , sizeBytes, modifiedMs, timeMs] of lines(path.join(folder, "announced.journal"))) {',
    'const name = String(file).split("/").at(-1).split(":").slice(0, 5).join(":");',
    'const key = require("crypto").createHash("md5").update(name).digest("hex");',
    'say({ event: "announced", timeMs, key, path: file, sizeBytes, modifiedMs }); }',
  ].join(" "),
  // 16 bytes of header, then records of a length, a CRC, a type, a key and, for an arrival or a twin, its time. A record that is being written is the last.
  dispatcher: [
    ...begin("dispatcher"),
    'const journal = path.join(folder, "journal");',
    "for (const name of fs.readdirSync(journal).sort()) {",
    `const data = read(path.join(journal, name), ${segmentBytesMost});`,
    'if (wanted && !data.includes(wanted, 0, "hex")) continue;',
    "for (let at = 16; at + 39 <= data.length; at += 8 + data.readUInt32BE(at)) {",
    'const timeMs = data.readDoubleBE(at + 25), key = data.toString("hex", at + 9, at + 25), type = data[at + 8];',
    'const arrival = { source: "", sizeBytes: data.readUInt32BE(at + 33), confirmed: data[at + 38] === 1 };',
    'if (type === 1) say({ event: "sent", timeMs, key, ...arrival });',
    'if (type === 4) say({ event: "twin", timeMs, key, routingKey: "", body: "" }); } }',
  ].join(" "),
  // `placing`, the unfinished file, time, details; `dropped`: it was not placed.
  puller: [
    ...begin("puller"),
    "for (const name of fs.readdirSync(folder)) if (/^placed-.*\\.jsonl(\\.1)?$/.test(name)) {",
    "const placed = new Map(), done = [];",
    "for (const [type, part, timeMs, about] of lines(path.join(folder, name))) {",
    'if (type === "dropped") placed.delete(part); if (type !== "placing") continue;',
    "if (placed.has(part)) done.push(placed.get(part));",
    "const { key, url, fileName, sizeBytes, kind } = about;",
    'placed.set(part, { event: "placed", timeMs, key, url, fileName, sizeBytes, kind }); }',
    "[...done, ...placed.values()].forEach(say); }",
  ].join(" "),
};

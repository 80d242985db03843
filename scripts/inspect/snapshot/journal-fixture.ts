import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { makeHeader } from "../../../agents/dispatcher/journal-record.ts";
import { PlacedJournal } from "../../../agents/puller/placed-journal.ts";
import { stateFile } from "../../../agents/puller/state-file.ts";

/** Agents with `--export`, and earlier ones without it. */
export type Installed = "current" | "former";

const own: Readonly<Record<string, object>> = {
  announcer: { rootDirectory: "/db", baseUrl: "http://urp-1/" },
  dispatcher: {},
  puller: { receiverQueueDirectory: "rxq" },
};

/** On a slow machine a program needs seconds to start. */
const seconds = 50;

/**
 * Adapts a script for a host to run in a test: all state folders become one folder of the test, and the agents are those of this checkout. Writes their
 * configs to that folder.
 */
export function onTestHost(script: string, folder: string, account: string, installed: Installed = "current"): string {
  for (const [agent, its] of Object.entries(own)) {
    const broker = { hosts: ["127.0.0.1:1"], user: "u", passwordFile: "password" };
    writeFileSync(join(folder, `${agent}.json`), JSON.stringify({ broker, metrics: { port: 0 }, ...its }));
  }
  writeFileSync(join(folder, "former.mjs"), 'console.error("unknown option --export"); process.exit(2);');
  const agents = join(import.meta.dirname, "../../../agents");
  return script
    .replaceAll(
      /\/opt\/warren\/agents\/([\w-]+)\.mjs/g,
      installed === "former" ? `${folder}/former.mjs` : `${agents}/$1/main.ts`,
    )
    .replaceAll(/\/var\/lib\/warren\/(announcer|puller|dispatcher)/g, folder)
    .replaceAll("/etc/warren/", `${folder}/`)
    .replaceAll("/opt/warren/node/bin/node", process.execPath)
    .replaceAll(/timeout( --kill-after=1)? \d+/g, `timeout$1 ${seconds}`)
    .replaceAll(/--reuid=(px|warren) --regid=(px|warren)/g, account);
}

/** Writes one file of the test host's dispatcher journal, with a header and these records. */
export function writeSegment(folder: string, number: number, records: Buffer): void {
  mkdirSync(join(folder, "journal"), { recursive: true });
  const name = `${String(number).padStart(12, "0")}.journal`;
  writeFileSync(join(folder, "journal", name), Buffer.concat([makeHeader(), records]), { mode: 0o644 });
}

/** The journal file of the test host's puller. */
export function placedFileIn(folder: string): string {
  return stateFile("placed", "jsonl", { stateDirectory: folder, receiverQueueDirectory: join(folder, "rxq") });
}

/** The same journal, opened, with the receiver queue folder beside it. */
export async function openPlacedIn(folder: string, now: () => number): Promise<PlacedJournal> {
  mkdirSync(join(folder, "rxq"), { recursive: true });
  const file = placedFileIn(folder);
  const journal = new PlacedJournal({
    file,
    bootId: "b",
    isUnfinished: async () => false,
    now,
    log: pino({ level: "silent" }),
  });
  await journal.open();
  return journal;
}

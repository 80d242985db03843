import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { makeHeader } from "../../../agents/dispatcher/journal-record.ts";
import { PlacedJournal } from "../../../agents/puller/placed-journal.ts";
import { stateFile } from "../../../agents/puller/state-file.ts";

/** Agents that know `--export`, and those of before. */
export type Installed = "current" | "former";

const own: Readonly<Record<string, object>> = {
  announcer: { rootDirectory: "/db", baseUrl: "http://urp-1/" },
  dispatcher: {},
  puller: { receiverQueueDirectory: "rxq" },
};

/** On a slow machine a program starts in seconds. */
const seconds = 50;

/**
 * A script for a host, as it would run where all state folders are one folder of a test's, and the agents are those of this checkout.
 * Writes their configs there.
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

/** Folder of the journal's files that the test host's dispatcher has; one file of it, with a header and these records. */
export function writeSegment(folder: string, number: number, records: Buffer): void {
  mkdirSync(join(folder, "journal"), { recursive: true });
  const name = `${String(number).padStart(12, "0")}.journal`;
  writeFileSync(join(folder, "journal", name), Buffer.concat([makeHeader(), records]), { mode: 0o644 });
}

/** The file in which the test host's puller keeps what it has placed. */
export function placedFileIn(folder: string): string {
  return stateFile("placed", "jsonl", { stateDirectory: folder, receiverQueueDirectory: join(folder, "rxq") });
}

/** That, open, with the receiver queue folder beside it. */
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

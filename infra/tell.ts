import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { writeShared } from "./hosts/shared-file.ts";

/** Reports facts to the person who runs the engine. A fact that this engine's preview has reported is not reported again while it updates. */
export interface Tell {
  warn(text: string): Promise<void>;
  info(text: string): Promise<void>;
  /** Called once, when everything is reported: the update that follows this preview reads what that was. */
  finish(): Promise<void>;
}

export interface TellPlaces {
  readonly stack: string;
  /** Folder of the project: reported facts are noted, as digests, below its `.warren`. */
  readonly checkout: string;
  /** Identifies the engine's process; without it, everything is reported. */
  readonly engine: string | undefined;
  readonly isPreview: boolean;
  readonly log?: Pick<typeof pulumi.log, "warn" | "info">;
}

export async function tellOf(places: TellPlaces): Promise<Tell> {
  const { stack, checkout, engine, isPreview, log = pulumi.log } = places;
  const file = join(checkout, ".warren", "reported", `${stack}.json`);
  const before = isPreview || engine === undefined ? new Set<string>() : await reportedBy(engine, file);
  const reported = new Set<string>();
  const once = async (text: string, report: (text: string) => Promise<void>) => {
    const digest = createHash("sha256").update(text).digest("base64");
    if (before.has(digest) || reported.has(digest)) return;
    reported.add(digest);
    await report(text);
  };
  return {
    warn: (text) => once(text, (said) => log.warn(said)),
    info: (text) => once(text, (said) => log.info(said)),
    async finish() {
      if (!isPreview || engine === undefined) return;
      await writeShared(file, JSON.stringify({ engine, reported: [...reported] }));
    },
  };
}

async function reportedBy(engine: string, file: string): Promise<Set<string>> {
  try {
    const noted = JSON.parse(await readFile(file, "utf8")) as { engine?: string; reported?: string[] };
    return new Set(noted.engine === engine ? noted.reported : []);
  } catch {
    // No preview before, or one that was killed while it wrote: everything is reported.
    return new Set();
  }
}

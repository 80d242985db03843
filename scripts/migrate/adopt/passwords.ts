import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import * as z from "zod";
import { UserError } from "../../../agents/lib/errors.ts";
import type { GivenPasswords } from "../../../infra/adopt/passwords.ts";

/**
 * Passwords by user, which a broker does not reveal: a JSON object from a file, or from standard input for `-`.
 * @throws UserError that never shows the content
 */
export async function readPasswords(file: string | undefined): Promise<GivenPasswords> {
  if (file === undefined) return {};
  const remedy = 'a JSON object is expected, e.g. {"root": "…", "feeder": "…"}';
  const content = await (file === "-" ? text(process.stdin) : readFile(file, "utf8")).catch((error: Error) => {
    throw new UserError(
      "--passwords",
      `${file} can't be read: ${error.message}`,
      "give the path of a file, or - for standard input",
    );
  });
  try {
    return z.record(z.string(), z.string()).parse(JSON.parse(content));
  } catch {
    // Without the cause, which may contain a part of the content.
    throw new UserError("--passwords", `${file === "-" ? "standard input" : file} is not a list of passwords`, remedy);
  }
}

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { UserError } from "../../agents/lib/errors.ts";

/** Real radar products by file name. All test products are made of slices of them. */
export type Samples = ReadonlyMap<string, Buffer>;

const folder = new URL("./samples/", import.meta.url);

/** Reads the samples that `SHA256SUMS` lists and checks them, so that a damaged checkout is an error. */
export async function loadSamples(): Promise<Samples> {
  const sums = (await readFile(new URL("SHA256SUMS", folder), "utf8")).trim().split("\n");
  const entries = sums.map(async (line): Promise<[string, Buffer]> => {
    const [sum = "", name = ""] = line.split(/\s+/);
    const content = await readFile(new URL(name, folder));
    const found = createHash("sha256").update(content).digest("hex");
    if (found !== sum) {
      throw new UserError(
        `scripts/traffic/samples/${name}`,
        `its SHA-256 is ${found}, SHA256SUMS says ${sum}`,
        `git checkout scripts/traffic/samples restores the file`,
      );
    }
    return [name, content];
  });
  return new Map(await Promise.all(entries));
}

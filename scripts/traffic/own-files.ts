import { readFile, stat } from "node:fs/promises";
import { basename } from "node:path";
import { productName } from "../../agents/lib/announcement.ts";
import { UserError } from "../../agents/lib/errors.ts";
import { fingerprintOf } from "./content.ts";
import { formatFileName, formatFolder, formatProductName, isProductName } from "./names.ts";
import type { PlannedProduct, ProductPlan } from "./plan.ts";

/** Longest file name, in bytes. */
const nameBytesMax = 255;

export interface OwnFilesOptions {
  readonly files: readonly string[];
  readonly urps: readonly string[];
  readonly ratePerSecond: number;
  /** Observation time for names that have none; see `firstObservationOf`. */
  readonly firstObservation: Date;
  /** Reception stamp of the first URP; each further one is a second later. */
  readonly now: Date;
}

/**
 * A plan of the user's own files. A file whose name is already a product name (five colon-separated fields) keeps it, and
 * a dispatcher that has seen it within its window does not forward it again. Any other name, e.g. `storm.png`,
 * becomes the type in a new one: `201501201810~~storm.png:URP:OWN:RADAR:META`. Both URPs write the same bytes, under
 * reception stamps of now.
 */
export async function planOwnFiles(options: OwnFilesOptions): Promise<ProductPlan> {
  const products = await Promise.all(options.files.map((file, turn) => planOwnFile(file, turn, options)));
  const twice = products.find((product, turn) => products.findIndex(({ name }) => name === product.name) < turn);
  if (twice) {
    throw new UserError(
      twice.name,
      "two of the given files have this product name, and only one would be forwarded",
      "rename one of them, or send them one after the other",
    );
  }
  return { urps: options.urps, products };
}

async function planOwnFile(path: string, turn: number, options: OwnFilesOptions): Promise<PlannedProduct> {
  const content = await readOwnFile(path);
  const given = basename(path);
  const keepsName = isProductName(given);
  const site = keepsName ? (productName(given).split(":")[2] ?? "OWN") : "OWN";
  // Colons separate the fields of a product name, so a field can't contain one.
  const type = given.replaceAll(":", "_");
  const name = keepsName ? productName(given) : formatProductName({ observed: options.firstObservation, type, site });
  const observed = keepsName ? options.now : options.firstObservation;
  return {
    name,
    copies: options.urps.map((urp, index) => {
      const file = formatFileName(name, new Date(options.now.getTime() + index * 1000));
      if (Buffer.byteLength(file) > nameBytesMax) {
        throw new UserError(
          path,
          `its product name would be ${file}, ${Buffer.byteLength(file)} bytes; a file name has at most ${nameBytesMax}`,
          "give it a shorter name",
        );
      }
      return {
        urp,
        file,
        path: `${formatFolder(observed, site)}/${file}`,
        content: { ownFile: path },
        ...fingerprintOf(content),
        atMs: (turn * 1000) / options.ratePerSecond,
        renamed: false,
      };
    }),
  };
}

async function readOwnFile(path: string): Promise<Buffer> {
  try {
    if ((await stat(path)).isDirectory()) throw new UserError(path, "is a folder", "name the files themselves");
    return await readFile(path);
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(path, `can't be read: ${error instanceof Error ? error.message : error}`);
  }
}

import { randomBytes } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { WireMessage } from "../../agents/lib/announcement.ts";
import { codecs } from "../../agents/lib/codecs.ts";
import { UserError } from "../../agents/lib/errors.ts";
import { fileNameOf, keyOf } from "./pairs.ts";

const folder = "db/20150120/RADAR/URP/IWA";
const numberBytes = 8;

/** Files of one size below a document root, each with different bytes. */
export class PullProducts {
  readonly count: number;
  readonly #content: Buffer;

  private constructor(count: number, sizeBytes: number) {
    this.count = count;
    this.#content = randomBytes(sizeBytes);
  }

  static async make(root: string, count: number, sizeBytes: number): Promise<PullProducts> {
    const products = new PullProducts(count, sizeBytes);
    await mkdir(join(root, folder), { recursive: true });
    for (let product = 0; product < count; product++) {
      await writeFile(join(root, folder, products.#nameOf(product)), products.#contentOf(product));
    }
    return products;
  }

  /**
   * Announcement of a file as a product of this run. Names are unique to a run, because a puller recognises a product by its name.
   */
  announcementOf(run: string, product: number, baseUrl: string, format: "v00" | "v03" = "v00"): WireMessage {
    const announcement = {
      key: keyOf(run, product),
      sizeBytes: this.#content.length,
      baseUrl,
      relPath: `${folder}/${this.#nameOf(product)}`,
    };
    const message = codecs[format].format({ ...announcement, pubTimeMs: Date.now() });
    if (!message.ok) throw new Error(message.reason);
    return message.value;
  }

  /** Lines of a curl config that downloads all files into one folder. */
  curlConfig(baseUrl: string, count: number, directory: string): string {
    const lines = Array.from({ length: count }, (_, product) => {
      const name = this.#nameOf(product);
      const path = `${folder}/${name}`.split("/").map(encodeURIComponent).join("/");
      return `url = "${baseUrl}${path}"\noutput = "${join(directory, name)}"\n`;
    });
    return lines.join("");
  }

  /** @throws UserError unless these folders contain exactly the first `count` files, each complete and once */
  async check(what: string, count: number, directories: readonly string[]): Promise<void> {
    const seen = new Map<string, number>();
    let broken = 0;
    for (const directory of directories) {
      for (const name of await readdir(directory)) {
        seen.set(name, (seen.get(name) ?? 0) + 1);
        const product = this.#productOf(name);
        const isWhole = product < count && (await readFile(join(directory, name))).equals(this.#contentOf(product));
        if (!isWhole) broken++;
      }
    }
    const missing = Array.from({ length: count }, (_, product) => this.#nameOf(product)).filter((n) => !seen.has(n));
    const repeated = [...seen.values()].filter((times) => times > 1);
    if (missing.length + repeated.length + broken === 0) return;
    throw new UserError(
      what,
      `of ${count} files ${missing.length} are missing, ${repeated.length} are repeated, ${broken} differ from the served files`,
    );
  }

  #nameOf(product: number): string {
    return fileNameOf("00", product);
  }

  #productOf(name: string): number {
    return Number(/META(\d+)::/.exec(name)?.[1] ?? Number.NaN);
  }

  #contentOf(product: number): Buffer {
    const content = Buffer.from(this.#content);
    content.writeUIntBE(product, content.length - numberBytes, 6);
    return content;
  }
}

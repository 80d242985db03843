import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { checkout } from "../../../scripts/engine/places.ts";
import { importFile } from "../../../scripts/migrate/import-px/import.ts";
import { configText, formatImport, jsonOf } from "../../../scripts/migrate/import-px/report.ts";
import type { TextReader } from "./text-subject.ts";

const examples = path.join(checkout, "scripts/migrate/import-px/examples");
/** What can be imported: of the others the golden file says why not. */
const files = globSync("*/*.conf", { cwd: examples }).sort();
const texts = new Map(files.map((file) => [path.join(examples, file), readFileSync(path.join(examples, file))]));
const options = { agent: undefined, root: "/apps/px", metricsPort: 9111 };

/** Sundew's configs, as `./warren import-px` reads them; a file that includes others may include itself. */
export const pxReader: TextReader = {
  name: "px",
  summary: "Sundew's senders and receivers, as ./warren import-px reads them",
  samples: [...texts.values()],
  async read(bytes, sample) {
    const file = [...texts.keys()][sample] ?? "";
    const imported = await importFile(file, options, async (wanted) => {
      const text = wanted === file ? bytes : texts.get(wanted);
      if (text) return text;
      throw Object.assign(new Error("ENOENT: no such file or directory"), { code: "ENOENT" });
    });
    JSON.stringify(jsonOf(imported));
    if (imported.config) configText(imported);
    const report = formatImport([imported]);
    const isAsItWas = texts.get(file)?.equals(bytes);
    return imported.faults.length > 0 && !isAsItWas ? report : undefined;
  },
};

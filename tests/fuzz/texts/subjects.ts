import { globSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseConfig } from "../../../agents/lib/config.ts";
import { findings } from "../../../infra/checks/index.ts";
import { noPast } from "../../../infra/checks/past.ts";
import { rules } from "../../../infra/checks/rules.ts";
import { clusterModels } from "../../../infra/model/cluster.ts";
import { checkout } from "../../../scripts/engine/places.ts";
import { parseCommittedConfig, stackText } from "../../../scripts/engine/stack-config.ts";
import { formatChecks } from "../../../scripts/inspect/checks-report.ts";
import { importFile } from "../../../scripts/migrate/import-px/import.ts";
import { configText, formatImport, jsonOf } from "../../../scripts/migrate/import-px/report.ts";
import { agentSchemas } from "../../rigs/agent-schemas.ts";
import type { FuzzSubject } from "../subject.ts";
import { hostAnswerReader } from "./host-answers.ts";
import { refusalOf, type TextReader, textSubject } from "./text-subject.ts";

const stackReader: TextReader = {
  name: "stack",
  summary: "stack files, as ./warren checks reads and judges them",
  samples: ["lab", "lab4", "op", "dev"].map((name) => Buffer.from(stackText(name))),
  read: (bytes) =>
    refusalOf(() => {
      const config = parseCommittedConfig(bytes, "stacks/Pulumi.x.yaml", "stack x");
      const found = findings({ stack: "x", clusters: clusterModels(config) }, config, noPast);
      formatChecks({ stack: "x", rules, findings: found, hasPast: false, toFillIn: [] }, false);
    }),
};

const agents = path.join(checkout, "agents");
/** Paths of the form `AGENT/FILE`. */
const examples = globSync("*/example*.json", { cwd: agents }).sort();

const agentConfigReader: TextReader = {
  name: "agent-config",
  summary: "config files of all agents, as --check-config reads them",
  samples: examples.map((example) => readFileSync(path.join(agents, example))),
  read: (bytes, sample) =>
    refusalOf(() => {
      const schema = agentSchemas[path.dirname(examples[sample] ?? "") as keyof typeof agentSchemas];
      parseConfig(schema, bytes, "config.json", { CREDENTIALS_DIRECTORY: "/run/credentials" });
    }),
};

const pxExamples = path.join(checkout, "scripts/migrate/import-px/examples");
const pxFiles = globSync("*/*.conf", { cwd: pxExamples }).sort();
const pxTexts = new Map(pxFiles.map((file) => path.join(pxExamples, file)).map((file) => [file, readFileSync(file)]));

/** Samples with includes: a changed file may include itself. */
const pxReader: TextReader = {
  name: "px",
  summary: "Sundew's senders and receivers, as ./warren import-px reads them",
  samples: [...pxTexts.values()],
  async read(bytes, sample) {
    const file = [...pxTexts.keys()][sample] ?? "";
    const imported = await importFile(
      file,
      { agent: undefined, root: "/apps/px", metricsPort: 9111 },
      async (wanted) => {
        const text = wanted === file ? bytes : pxTexts.get(wanted);
        if (text) return text;
        throw Object.assign(new Error("ENOENT: no such file or directory"), { code: "ENOENT" });
      },
    );
    JSON.stringify(jsonOf(imported));
    if (imported.config) configText(imported);
    const report = formatImport([imported]);
    // Unchanged samples that can't be imported are in the golden file with the reason.
    const isUnchanged = pxTexts.get(file)?.equals(bytes);
    return imported.faults.length > 0 && !isUnchanged ? report : undefined;
  },
};

/** Subjects that read texts: configs, stack files, answers of hosts. */
export const textSubjects: readonly FuzzSubject[] = [stackReader, agentConfigReader, pxReader, hostAnswerReader].map(
  textSubject,
);

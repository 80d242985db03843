import { basename, dirname } from "node:path";
import { type ReadBytes, readConf } from "./conf.ts";
import { importDelivery } from "./delivery.ts";
import { Draft } from "./draft.ts";
import type { Fault, Finding } from "./findings.ts";
import { otherType } from "./options.ts";
import { importReceiver } from "./receiver.ts";
import { importSender } from "./sender.ts";

export type Agent = "sender" | "receiver";

export interface ImportOptions {
  /** Undefined: from the file's folder, `tx` or `rx`. */
  readonly agent: Agent | undefined;
  readonly root: string;
  readonly metricsPort: number;
}

/** What one old file has become. */
export interface Imported {
  readonly file: string;
  readonly name: string;
  /** Undefined if it is not known whether it is a sender's or a receiver's. */
  readonly agent: Agent | undefined;
  /** Undefined if there are faults. */
  readonly config: Readonly<Record<string, unknown>> | undefined;
  readonly password: string | undefined;
  /** In the order of their lines. */
  readonly findings: readonly Finding[];
  readonly faults: readonly Fault[];
}

/** Reads one old file. Its errors are part of the result. */
export async function importFile(file: string, options: ImportOptions, read: ReadBytes): Promise<Imported> {
  const name = basename(file).replace(/\.conf$/, "");
  const agent = options.agent ?? agentOf(file);
  const nothing = { file, name, agent, config: undefined, password: undefined, findings: [] };
  if (!agent) {
    const message = "is in neither of Sundew's folders, tx and rx: a sender's file, or a receiver's?";
    return { ...nothing, faults: [{ file, line: 0, message, remedy: "give --as sender or --as receiver" }] };
  }
  const { lines, faults } = await readConf(file, agent, read);
  if (faults.length > 0) return { ...nothing, faults };
  const draft = new Draft(lines);
  const whole = { file, line: 0 };
  const type = draft.lineOf("type");
  const scripts = lines.filter(({ option }) => option.endsWith("_script")).map(({ words }) => words[0]);
  const make = makerOf(agent, type?.words[0], draft.text("protocol"), scripts);
  if (!make) {
    const what = type ? `type ${type.words[0]}` : "no type";
    draft.fault(
      type ?? whole,
      `${what}: no agent is a ${agent} of it`,
      otherType(type?.words[0] ?? "", [...scripts, name]),
    );
    return { ...nothing, faults: draft.faults };
  }
  const target = { name, root: options.root, metricsPort: options.metricsPort };
  const made = make(draft, whole, target);
  const findings = draft.findings.toSorted((a, b) => a.file.localeCompare(b.file) || a.line - b.line);
  if (draft.faults.length > 0) return { ...nothing, findings, faults: draft.faults };
  return { ...nothing, config: made.config, password: made.password, findings, faults: [] };
}

type Maker = typeof importSender;

/** Undefined if no agent does the work of such a file. */
function makerOf(agent: Agent, type: string | undefined, protocol: string | undefined, scripts: readonly string[]) {
  if (type === "amqp") return agent === "sender" ? importSender : importReceiver;
  const delivers = type === "single-file" || (type === "script" && scripts.some((name) => name.includes("sftp_amqp")));
  const isKnown = agent === "sender" && delivers && (protocol === "ftp" || protocol === "sftp");
  return isKnown ? (importDelivery satisfies Maker) : undefined;
}

function agentOf(file: string): Agent | undefined {
  const folder = basename(dirname(file));
  return folder === "tx" ? "sender" : folder === "rx" ? "receiver" : undefined;
}

import type { DeliveryRule } from "../../../agents/sender/delivery-config.ts";
import type { ConfLine } from "./conf.ts";
import type { Draft } from "./draft.ts";
import type { Place } from "./findings.ts";

/** The last values of `directory` and `filename`; an included file starts with those of the file that includes it. */
interface State {
  readonly file: string;
  directory: ConfLine | undefined;
  filename: ConfLine | undefined;
}

export interface DeliveryRules {
  readonly root: string | undefined;
  readonly rules: readonly DeliveryRule[];
}

/** Accept and reject, with the directory and kind of name in force at their line; imask and emask came first. */
export function deliveryRules(draft: Draft, whole: Place): DeliveryRules {
  const lines = draft.linesOf(["directory", "filename", "accept", "reject", "imask", "emask"]);
  const placed: { line: ConfLine; directory: ConfLine | undefined; filename: ConfLine | undefined }[] = [];
  let states: State[] = [];
  for (const line of lines) {
    states = enter(states, line.file, whole.file);
    const state = states.at(-1);
    if (!state) continue;
    if (line.option === "directory") state.directory = line;
    else if (line.option === "filename") state.filename = line;
    else placed.push({ line, directory: state.directory, filename: state.filename });
  }
  const accepting = placed.filter(({ line }) => isAccept(line));
  const paths = accepting.flatMap(({ directory }) => directory ?? []);
  const isAbsolute = paths.length > 0 && paths.every(({ words: [path] }) => path.startsWith("//"));
  const mixed = isAbsolute ? undefined : paths.find(({ words: [path] }) => path.startsWith("//"));
  if (mixed) {
    const remedy = "make two configs, one for each: the agent has one root for all its directories";
    draft.fault(mixed, `directory ${mixed.words[0]}: is absolute, and others are not`, remedy);
  }
  const rules = [...placed.filter(({ line }) => isOlder(line)), ...placed.filter(({ line }) => !isOlder(line))].flatMap(
    ({ line, directory, filename }) => {
      const rule = draft.rule(line);
      if (!rule) return [];
      if (!isAccept(line)) return [rule];
      const told = { directory: directoryOf(draft, directory), fileName: fileNameOf(draft, line, filename) };
      return [{ ...rule, ...(JSON.parse(JSON.stringify(told)) as typeof told) }];
    },
  );
  return { root: isAbsolute ? "/" : undefined, rules };
}

function enter(states: State[], file: string, main: string): State[] {
  const known = states.findIndex((state) => state.file === file);
  if (known >= 0) return states.slice(0, known + 1);
  // px.conf comes before the file, and its values of these don't carry over.
  const above = file === main ? undefined : states.at(-1);
  return [...(above ? states : []), { file, directory: above?.directory, filename: above?.filename }];
}

const isAccept = ({ option }: ConfLine) => option === "accept" || option === "imask";
const isOlder = ({ option }: ConfLine) => option === "imask" || option === "emask";

/** `/folder` is relative to the login folder, `//folder` is absolute. */
function directoryOf(draft: Draft, line: ConfLine | undefined): string | undefined {
  if (!line || line.words[0] === ".") return undefined;
  const [path] = line.words;
  if (!path.startsWith("/")) {
    const why = `Sundew cut off the first character: files went to ${path.slice(1)}; the agent uses it unchanged`;
    draft.find(line, {
      kind: "unexpressed",
      why,
      remedy: "write what is meant: /FOLDER, or //FOLDER for an absolute one",
    });
  }
  if (path.includes("${") && draft.flag("dir_pattern") !== true) {
    const why = "without dir_pattern Sundew took $" + "{…} as it stands; the agent fills it in";
    draft.find(line, { kind: "unexpressed", why, remedy: "check that this is what is meant" });
  }
  return path.split("/").filter(Boolean).join("/") || undefined;
}

const nameParts: Readonly<Record<string, string>> = {
  WHATFN: "$".concat("{WHATFN}"),
  HEADFN: "$".concat("{HEADFN}"),
  NONE: "$".concat("{NONE}"),
};

/** `WHATFN`, `NONE:TIME`, `DESTFN=name`, as a template. A word after accept's pattern counts before `filename`. */
function fileNameOf(draft: Draft, accept: ConfLine, filename: ConfLine | undefined): string | undefined {
  const own = accept.option === "accept" ? accept.words[1] : undefined;
  const spec = own ?? filename?.words[0];
  if (spec === undefined || spec === "WHATFN") return undefined;
  let name = nameParts.WHATFN ?? "";
  let time = "";
  let network = "";
  for (const part of spec.split(":").filter(Boolean)) {
    const known = Object.hasOwn(nameParts, part) ? nameParts[part] : undefined;
    if (known !== undefined) name = known;
    else if (part.startsWith("DESTFN=")) name = part.slice("DESTFN=".length);
    else if (part.startsWith("SATNET=")) network = `:${part}`;
    else if (part === "TIME") time = ":$".concat("{STAMP}");
    else {
      const remedy = 'say the name by a template: "fileName" of the rule, see ./warren agent sender --print-schema';
      draft.fault(
        own === undefined ? (filename ?? accept) : accept,
        `filename ${part}: no agent names files so`,
        remedy,
      );
    }
  }
  return name + network + time;
}

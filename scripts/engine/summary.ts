import { printable } from "../../agents/lib/foreign.ts";

/** Names of things in a line, of each kind of change. */
const namesMax = 8;

/** Kinds of steps that people care about: as they are planned, and when they are done. */
const changes: Readonly<Record<string, readonly [planned: string, done: string]>> = {
  create: ["to create", "created"],
  update: ["to update", "updated"],
  replace: ["to replace", "replaced"],
  delete: ["to delete", "deleted"],
  import: ["to import", "imported"],
  same: ["unchanged", "unchanged"],
};

/** The parts of the engine's events that are used; `--json` prints one a line. */
interface EngineEvent {
  readonly diagnosticEvent?: {
    readonly urn?: string;
    readonly message?: string;
    readonly severity?: string;
    readonly ephemeral?: boolean;
  };
  readonly resourcePreEvent?: StepEvent;
  readonly resOutputsEvent?: StepEvent;
  readonly resOpFailedEvent?: StepEvent;
  readonly summaryEvent?: {
    readonly isPreview?: boolean;
    readonly durationSeconds?: number;
    readonly resourceChanges?: Readonly<Record<string, number>>;
  };
}

interface StepEvent {
  readonly metadata?: { readonly op?: string; readonly urn?: string; readonly type?: string };
}

/**
 * The output of an operation of the engine, for a file or a pipe: each message once, as it comes, and at the end a line for each host and cluster
 * that changes, and the number of resources.
 */
export class Summary {
  readonly #isPreview: boolean;
  readonly #namesMax: number;
  readonly #reported = new Set<string>();
  /** Place -> kind of change -> names of things. */
  readonly #places = new Map<string, Map<string, string[]>>();
  #failed = 0;

  /** @param isFull names all things, however many */
  constructor({ isPreview, isFull }: { readonly isPreview: boolean; readonly isFull: boolean }) {
    this.#isPreview = isPreview;
    this.#namesMax = isFull ? Number.POSITIVE_INFINITY : namesMax;
  }

  /** The lines to print for a line of the engine. Text that is no event is passed on. */
  linesOf(text: string): string[] {
    const event = eventIn(text);
    if (event === undefined) return text === "" ? [] : [text];
    if (event.diagnosticEvent) return this.#diagnostic(event.diagnosticEvent);
    if (event.resourcePreEvent && this.#isPreview) this.#count(event.resourcePreEvent, 0);
    if (event.resOutputsEvent && !this.#isPreview) this.#count(event.resOutputsEvent, 1);
    if (event.resOpFailedEvent) {
      this.#failed += 1;
      this.#add(event.resOpFailedEvent, "failed");
    }
    return event.summaryEvent ? this.#end(event.summaryEvent) : [];
  }

  #diagnostic({
    urn = "",
    message = "",
    severity = "",
    ephemeral,
  }: NonNullable<EngineEvent["diagnosticEvent"]>): string[] {
    if (severity === "debug" || ephemeral) return [];
    const text = printable(message.replace(/<\{%.*?%\}>/g, "")).trimEnd();
    const { type, name } = identity(urn);
    const subject = name === "" || type.startsWith("pulumi:pulumi:") ? "" : `${name}: `;
    const line = `${severity === "warning" || severity === "error" ? `${severity}: ` : ""}${subject}${text}`;
    if (text === "" || this.#reported.has(line)) return [];
    this.#reported.add(line);
    return [line];
  }

  #count(event: StepEvent, tense: 0 | 1): void {
    const { op = "" } = event.metadata ?? {};
    const change = changes[op]?.[tense];
    if (change !== undefined && op !== "same") this.#add(event, change);
  }

  #add({ metadata = {} }: StepEvent, change: string): void {
    const { type, name } = identity(metadata.urn ?? "");
    // Components and providers are not things of a host.
    if (/(^|\$)(pulumi|warren):/.test(type.slice(type.lastIndexOf("$") + 1))) return;
    const [place = ""] = name.split(" ", 1);
    const kinds = this.#places.get(place) ?? new Map<string, string[]>();
    this.#places.set(place, kinds);
    kinds.set(change, [...(kinds.get(change) ?? []), name.slice(place.length + 1)]);
  }

  #end({ resourceChanges = {}, durationSeconds = 0 }: NonNullable<EngineEvent["summaryEvent"]>): string[] {
    const places = [...this.#places].toSorted(([a], [b]) => (a < b ? -1 : 1));
    const tense = this.#isPreview ? 0 : 1;
    const counts = Object.entries(changes).flatMap(([op, words]) =>
      resourceChanges[op] ? [`    ${resourceChanges[op]} ${words[tense]}`] : [],
    );
    return [
      ...places.map(([place, kinds]) => `${place}: ${[...kinds].map((kind) => this.#kind(kind)).join("; ")}`),
      "Resources:",
      ...counts,
      ...(this.#failed > 0 ? [`    ${this.#failed} failed`] : []),
      `Took ${durationSeconds} s`,
    ];
  }

  #kind([change, names]: readonly [string, readonly string[]]): string {
    const more = names.length > this.#namesMax ? `, and ${names.length - this.#namesMax} more` : "";
    return `${names.length} ${change}: ${names.slice(0, this.#namesMax).join(", ")}${more}`;
  }
}

function eventIn(text: string): EngineEvent | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    return JSON.parse(text) as EngineEvent;
  } catch {
    return undefined;
  }
}

/** `urn:pulumi:STACK::PROJECT::TYPE::NAME`; a name may contain anything. */
function identity(urn: string): { readonly type: string; readonly name: string } {
  const [, , type = "", ...name] = urn.split("::");
  return { type, name: name.join("::") };
}

const operations = ["up", "update", "preview", "destroy"];
/** With these the user selects another form of the output. */
const ownForm = /^(--json|-j|--diff|--event-log|--color|--show-\w[\w-]*|--watch|--help|-h)(=|$)/;

/**
 * Whether an operation's output is shown as a `Summary`: if it goes to no terminal, and the engine asks nothing.
 *
 * @param isTerminal whether the output goes to a terminal
 */
export function isSummarized(args: readonly string[], isTerminal: boolean): boolean {
  const operation = args.find((word) => !word.startsWith("-")) ?? "";
  if (isTerminal || !operations.includes(operation) || args.some((word) => ownForm.test(word))) return false;
  return operation === "preview" || args.includes("--yes") || args.includes("-y");
}

/** Arguments and environment by which the engine prints its events. */
export const eventArguments = (args: readonly string[]): string[] => [...args, "--json"];
export const eventEnvironment = { PULUMI_ENABLE_STREAMING_JSON_PREVIEW: "true" } as const;

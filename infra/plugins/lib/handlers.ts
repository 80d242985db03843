import type { Severity } from "./engine.ts";
import type { Mask } from "./masking.ts";
import type { Failure, Field, Shape } from "./shape.ts";
import type { PropertyMap } from "./values.ts";

/** What a handler gets beside its values. */
export interface Operation {
  readonly urn: string;
  readonly name: string;
  /** Ends with the engine's Cancel, or when the resource's custom timeout is over. */
  readonly signal: AbortSignal;
  /** Names of the top-level properties that hold a secret at some depth. */
  readonly secrets: ReadonlySet<string>;
  /** Masks everything that stands in those secrets. */
  readonly mask: Mask;
  /** Sends a line to the engine; it is masked here. `status`: shown as progress only. */
  log(severity: Severity, message: string, options?: { status?: boolean }): void;
}

/** An output that is not an input. In a preview it is unknown. */
export interface Computed extends Field {
  /** The output becomes secret when one of these inputs holds a secret, because it may show what they hold. */
  readonly secretWith?: readonly string[];
  /** An update leaves it as it is, so a preview of one shows the old value. */
  readonly stable?: boolean;
}

/** What a Check knows beside the inputs. */
export interface Completion {
  /** The resource's name in the program. */
  readonly name: string;
  /** Inputs of the last run; empty for a new resource and for the new one of a replacement. */
  readonly olds: PropertyMap;
  /** The same in a preview and in the run that follows it; empty from engines that send none. */
  readonly randomSeed: Uint8Array;
  /** What the stack's autonaming settings say; undefined where there are none. */
  readonly autonaming: { readonly name: string; readonly mode: "propose" | "enforce" | "disable" } | undefined;
}

/**
 * One resource type. Values are plain here: secret marks are taken off before, and put back after by name: an output with
 * the name of an input keeps the marks of that input. Nothing is called in a preview, and nothing with unknown values.
 */
export interface ResourceHandler {
  /** `package:module:Type`, as in the official schema. */
  readonly token: string;
  readonly inputs: Shape;
  readonly computed: { readonly [name: string]: Computed };
  /** Rules across inputs, run when each input is right by itself. Values may be unknown or secret. */
  check?(inputs: PropertyMap): readonly Failure[];
  /** Fills in or brings into one form what the program left open, after all checks. Values may be unknown or secret. */
  complete?(inputs: PropertyMap, completion: Completion): PropertyMap;
  create(inputs: PropertyMap, operation: Operation): Promise<{ readonly id: string; readonly outputs: PropertyMap }>;
  /** Without it every change makes a new resource. `state` is what the last create or update gave out. */
  update?(id: string, state: PropertyMap, inputs: PropertyMap, operation: Operation): Promise<PropertyMap>;
  /** A resource that is gone already counts as deleted. */
  delete?(id: string, state: PropertyMap, operation: Operation): Promise<void>;
  /** What is really there; undefined when it is gone. Without it the state is believed. `inputs` is empty at an import. */
  read?(
    id: string,
    state: PropertyMap,
    inputs: PropertyMap,
    operation: Operation,
  ): Promise<{ readonly id: string; readonly outputs: PropertyMap; readonly inputs: PropertyMap } | undefined>;
  /** The new resource takes the place (name) of the old one, so the old one must go first. */
  readonly deleteBeforeReplace?: boolean | ((olds: PropertyMap, news: PropertyMap) => boolean);
}

export interface FunctionHandler {
  readonly token: string;
  readonly inputs: Shape;
  readonly computed: { readonly [name: string]: Computed };
  invoke(inputs: PropertyMap, operation: Operation): Promise<PropertyMap>;
}

export interface ProviderDefinition {
  /** Package name, e.g. `command`. */
  readonly name: string;
  readonly version: string;
  /** The provider's own configuration. */
  readonly config: Shape;
  /** Called once with the checked configuration, before any resource. It may throw: the message is shown. */
  configure?(config: PropertyMap): void | Promise<void>;
  readonly resources: readonly ResourceHandler[];
  /** The engine reads each resource before a run compares it with the program, whether it is told to refresh or not. */
  readonly readBeforeRuns?: boolean;
  readonly functions?: readonly FunctionHandler[];
  /** Types of the official schema that are not served here, with what to do instead. */
  readonly refused?: { readonly [token: string]: string };
  /** Closes what is open; called when the engine says goodbye. */
  close?(): Promise<void>;
}

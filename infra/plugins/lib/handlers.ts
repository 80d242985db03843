import type { Severity } from "./engine.ts";
import type { Failure, Field, Shape } from "./shape.ts";
import type { PropertyMap } from "./values.ts";

/** Context of a handler's call. */
export interface Operation {
  readonly name: string;
  /** Aborts at the engine's Cancel. */
  readonly signal: AbortSignal;
  /** Names of the top-level properties that contain a secret at any depth. */
  readonly secrets: ReadonlySet<string>;
  /** Sends a line to the engine, masked. `status`: shown as progress only. */
  log(severity: Severity, message: string, options?: { status?: boolean }): void;
}

/** An output that is not an input. In a preview it is unknown. */
export interface Computed extends Field {
  /** The output becomes secret if one of these inputs contains a secret, because it may reveal it. */
  readonly secretWith?: readonly string[];
}

/**
 * One resource type. Handlers get plain values: secret marks are removed before the call and restored by name afterwards, where an output with the
 * name of an input keeps that input's marks. No handler is called in a preview or with unknown values.
 */
export interface ResourceHandler {
  /** `package:module:Type`, as in the official schema. */
  readonly token: string;
  readonly inputs: Shape;
  readonly computed: { readonly [name: string]: Computed };
  /** Rules across inputs, applied if each input is valid. Values may be unknown or secret. */
  check?(inputs: PropertyMap): readonly Failure[];
  /** Completes or normalises inputs after all checks. Values may be unknown or secret. */
  complete?(inputs: PropertyMap): PropertyMap;
  create(inputs: PropertyMap, operation: Operation): Promise<{ readonly id: string; readonly outputs: PropertyMap }>;
  /** Without it every change replaces the resource. `state` has the outputs of the last create or update. */
  update?(id: string, state: PropertyMap, inputs: PropertyMap, operation: Operation): Promise<PropertyMap>;
  /** A missing resource counts as deleted. `state` has the inputs, too. */
  delete?(id: string, state: PropertyMap, operation: Operation): Promise<void>;
  /** The actual resource; undefined if it is gone. Without `read`, the state counts. `inputs` is empty at an import. */
  read?(
    id: string,
    state: PropertyMap,
    inputs: PropertyMap,
    operation: Operation,
  ): Promise<{ readonly id: string; readonly outputs: PropertyMap; readonly inputs: PropertyMap } | undefined>;
  /** Names of inputs whose change, between these two, changes nothing. Values may be unknown or secret. */
  ignored?(olds: PropertyMap, news: PropertyMap): readonly string[];
  /** Whether the new resource has the old one's name, so that the old one must be deleted first. */
  deleteBeforeReplace?(olds: PropertyMap, news: PropertyMap): boolean;
}

export interface ProviderDefinition {
  /** Package name, e.g. `command`. */
  readonly name: string;
  readonly version: string;
  /** The provider's own configuration. */
  readonly config: Shape;
  /** Called once with the checked configuration, before any resource. If it throws, the message is shown. */
  configure?(config: PropertyMap): void | Promise<void>;
  readonly resources: readonly ResourceHandler[];
  /** The engine reads each resource before a run compares it with the program, even without a refresh. */
  readonly readBeforeRuns?: boolean;
  /** Closes connections; called when the engine shuts the plugin down. */
  close?(): Promise<void>;
}

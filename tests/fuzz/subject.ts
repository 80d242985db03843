import type { LocalBroker } from "../../scripts/traffic/local-broker.ts";

export interface FuzzOptions {
  /** The same seed gives the same inputs. */
  readonly seed: number;
  /** How many inputs. */
  readonly count: number;
  /** Only the input of this index, to replay a finding. */
  readonly only?: number | undefined;
  readonly signal: AbortSignal;
  /** Called with the number of inputs sent so far. */
  progress(done: number): void;
}

export interface FuzzReport {
  readonly subject: string;
  readonly seed: number;
  readonly count: number;
  /** Number of inputs that stayed valid. */
  readonly valid: number;
  readonly cameOut: number;
  /** Number of inputs refused with a reason: dead letters, or files that were skipped or set aside. */
  readonly refused: number;
  readonly seconds: number;
  /** Failures, each with the command that replays it; empty if there are none. */
  readonly findings: readonly string[];
}

/** An agent or parser with its hostile inputs. */
export interface FuzzSubject {
  readonly name: string;
  readonly summary: string;
  /** Sends the inputs and counts the outputs. Removes everything that it made before it resolves or rejects. */
  run(options: FuzzOptions): Promise<FuzzReport>;
}

/** A subject that needs a broker; several may share one. */
export interface BrokerRunner {
  readonly name: string;
  readonly summary: string;
  run(broker: LocalBroker, options: FuzzOptions): Promise<FuzzReport>;
}

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
  /** Inputs that were left as they should be. Each of them came out. */
  readonly valid: number;
  readonly cameOut: number;
  /** Dead letters with a reason; of files, those left or kept aside with a reason. */
  readonly refused: number;
  readonly seconds: number;
  /** What did not hold, each with what replays it; empty where all held. */
  readonly findings: readonly string[];
}

/** One agent or parser, and the hostile input that is made for it. */
export interface FuzzSubject {
  readonly name: string;
  readonly summary: string;
  /** Sends the inputs and counts what comes out. What it made is gone when it resolves or rejects. */
  run(options: FuzzOptions): Promise<FuzzReport>;
}

/** One that needs a broker: several of them may share one that is there. */
export interface BrokerRunner {
  readonly name: string;
  readonly summary: string;
  run(broker: LocalBroker, options: FuzzOptions): Promise<FuzzReport>;
}

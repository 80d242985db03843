import { type LocalBroker, startLocalBroker } from "../../scripts/traffic/local-broker.ts";
import { cleanly } from "../bench/cleanly.ts";
import type { FuzzOptions, FuzzReport, FuzzSubject } from "./subject.ts";

/** A subject that needs a broker: several of them may share one that is there. */
export interface BrokerRunner {
  readonly name: string;
  readonly summary: string;
  run(broker: LocalBroker, options: FuzzOptions): Promise<FuzzReport>;
}

/** The same with a broker of its own. */
export function withOwnBroker({ name, summary, run }: BrokerRunner): FuzzSubject {
  return {
    name,
    summary,
    run: (options) =>
      cleanly(options.signal, async (cleanup) => {
        const broker = await startLocalBroker();
        cleanup.add(() => broker.stop());
        options.signal.throwIfAborted();
        return run(broker, options);
      }),
  };
}

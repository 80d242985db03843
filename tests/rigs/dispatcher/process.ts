import { expect } from "vitest";
import { TestedAgent } from "../tested-agent.ts";

/** A dispatcher process. */
export class DispatcherProcess extends TestedAgent {
  readonly stateDirectory: string;

  /** `fileSizeMax`: see `TestedAgent`. */
  constructor(configFile: string, stateDirectory: string, fileSizeMax?: number) {
    super({ agent: "dispatcher", configFile, stateDirectory, ...(fileSizeMax === undefined ? {} : { fileSizeMax }) });
    this.stateDirectory = stateDirectory;
  }

  /** Resolves when the dispatcher has recognised `count` announcements of the second radar server as twins. */
  async twinsOfSecond(twins: number): Promise<void> {
    const seen = async (): Promise<number> => {
      const lines = (await this.metrics()).split("\n");
      const counts = lines.filter((line) => line.startsWith('warren_dispatcher_twins_total{source="urp-2'));
      return counts.reduce((sum, line) => sum + Number(line.split(" ")[1]), 0);
    };
    await expect.poll(seen, { timeout: 100_000 }).toBe(twins);
  }
}

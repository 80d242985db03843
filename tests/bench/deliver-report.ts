import { cpus } from "node:os";
import { median } from "../../scripts/lib/statistics.ts";
import { benchTable, rounded } from "./report.ts";

/** Size of the measurement. */
export interface DeliverPlan {
  readonly rounds: number;
  readonly files: number;
  readonly fileBytes: number;
}

/** Files per second of one round. */
export interface Round {
  readonly sftp: number;
  readonly sender: number;
  /** With a notification for each file, on disk before the file leaves its txq. */
  readonly senderTold: number;
}

export interface DeliverResult {
  readonly plan: DeliverPlan;
  readonly rounds: readonly Round[];
}

/** The shape of `--json`: medians in files per second, and their ratios. */
export function summariseDeliver({ plan: { files, fileBytes }, rounds }: DeliverResult) {
  const of = (pick: (round: Round) => number) => median(rounds.map(pick));
  const [sftp, sender, senderTold] = [of((r) => r.sftp), of((r) => r.sender), of((r) => r.senderTold)];
  return {
    ...{ files, fileBytes, rounds: rounds.length },
    ...{ sftp: Math.round(sftp), sender: Math.round(sender), senderTold: Math.round(senderTold) },
    ...{ ratio: rounded(sender / sftp, 2), ratioTold: rounded(senderTold / sftp, 2) },
  };
}

/** The table. Ends with a newline. */
export function formatDeliverBench(result: DeliverResult): string {
  const { files, fileBytes, rounds, sftp, sender, senderTold, ratio, ratioTold } = summariseDeliver(result);
  return [
    `Node ${process.version}; ${cpus().length} processors shared by all processes`,
    `${files} files of ${fileBytes} bytes to one sshd on loopback, medians of ${rounds}, in files per second`,
    "",
    benchTable([
      ["sftp -b, without login", `${sftp}`],
      ["sender", `${sender}, ${ratio.toFixed(2)} of that`],
      ["sender with notifications", `${senderTold}, ${ratioTold.toFixed(2)} of that`],
    ]),
    "",
  ].join("\n");
}

/** Size of the measurement. */
export interface PullPlan {
  readonly files: number;
  readonly fileBytes: number;
  readonly rounds: number;
  /** Warm-up files: Node optimises code after some thousand calls, and real pullers run for weeks. */
  readonly warmUpFiles: number;
  readonly slowFiles: number;
  readonly slowMs: number;
  /** Prefetches of the pullers, each measured by itself. */
  readonly prefetches: readonly number[];
}

export const fullPullPlan: PullPlan = {
  files: 2000,
  fileBytes: 40_000,
  rounds: 5,
  warmUpFiles: 10_000,
  slowFiles: 1000,
  slowMs: 50,
  prefetches: [1],
};

/** Only to test the bench: its figures mean little. */
export const quickPullPlan: PullPlan = { ...fullPullPlan, files: 100, rounds: 1, warmUpFiles: 20, slowFiles: 40 };

/** As required: five pullers, so five connections. */
export const pullersCount = 5;

/** How much is measured. */
export interface PullPlan {
  readonly files: number;
  readonly fileBytes: number;
  readonly rounds: number;
  /** Files before that, uncounted: Node makes quick code of what has run some thousand times, and pullers run for weeks. */
  readonly warmUpFiles: number;
  readonly slowFiles: number;
  readonly slowMs: number;
}

export const fullPullPlan: PullPlan = {
  files: 2000,
  fileBytes: 40_000,
  rounds: 5,
  warmUpFiles: 10_000,
  slowFiles: 1000,
  slowMs: 50,
};

/** To see that the bench works: its figures mean little. */
export const quickPullPlan: PullPlan = { ...fullPullPlan, files: 100, rounds: 1, warmUpFiles: 20, slowFiles: 40 };

/** As in the requirement: five pullers with a prefetch of 1, so five connections. */
export const pullersCount = 5;

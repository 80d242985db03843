/** How much is measured. */
export interface WatchPlan {
  readonly filesPerSecond: number;
  readonly seconds: number;
  readonly folders: number;
  readonly fileBytes: number;
  /** Files before that, uncounted, at the same pace: a watcher has been running for more than a moment. */
  readonly warmUpSeconds: number;
}

export const fullWatchPlan: WatchPlan = {
  filesPerSecond: 10_000,
  seconds: 10,
  folders: 50,
  fileBytes: 500,
  warmUpSeconds: 1,
};

/** To see that the bench works: its figures mean little. */
export const quickWatchPlan: WatchPlan = { ...fullWatchPlan, filesPerSecond: 1000, seconds: 1, warmUpSeconds: 0.1 };

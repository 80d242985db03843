/** Size of the measurement. */
export interface WatchPlan {
  readonly filesPerSecond: number;
  readonly seconds: number;
  readonly folders: number;
  readonly fileBytes: number;
  /** Warm-up files, at the same rate. */
  readonly warmUpSeconds: number;
}

export const fullWatchPlan: WatchPlan = {
  filesPerSecond: 10_000,
  seconds: 10,
  folders: 50,
  fileBytes: 500,
  warmUpSeconds: 1,
};

/** Only to test the bench: its figures mean little. */
export const quickWatchPlan: WatchPlan = { ...fullWatchPlan, filesPerSecond: 1000, seconds: 1, warmUpSeconds: 0.1 };

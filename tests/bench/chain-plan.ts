/** One measurement: products at a rate through agents that were just started. */
export interface ChainLoad {
  readonly name: string;
  readonly products: number;
  readonly ratePerSecond: number;
}

/** More than the chain can do, so products arrive as fast as it can. */
const burstPerSecond = 2000;

export const fullChainPlan: readonly ChainLoad[] = [
  { name: "burst", products: 2000, ratePerSecond: burstPerSecond },
  { name: "20/s", products: 600, ratePerSecond: 20 },
  { name: "50/s", products: 1500, ratePerSecond: 50 },
];

/** Only to test the bench: its figures mean little. */
export const quickChainPlan: readonly ChainLoad[] = [{ name: "burst", products: 40, ratePerSecond: burstPerSecond }];

/** `bench rest`: each product comes after two seconds without any. */
export const restPlan: readonly ChainLoad[] = [{ name: "one in 2 s", products: 50, ratePerSecond: 0.5 }];
export const quickRestPlan: readonly ChainLoad[] = [{ name: "one in 2 s", products: 3, ratePerSecond: 0.5 }];

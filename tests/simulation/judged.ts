/** The part of a host that the judge observes. */
export interface Judged {
  readonly name: string;
  readonly author: number;
  readonly losses: number;
  readonly believes: boolean;
  readonly believedUntilMs: number;
  readonly isBlocked: boolean;
  readonly confirmsTimedFromMs: number;
  readonly deliveriesInHand: number;
  readonly connection: { readonly isSubscribed: boolean; readonly oldestPublishMs: number };
}

/** What the judge looks at in a host. */
export interface Judged {
  readonly name: string;
  readonly author: number;
  readonly losses: number;
  readonly believes: boolean;
  readonly believedUntilMs: number;
  readonly isBlocked: boolean;
  readonly patientFromMs: number;
  readonly deliveriesInHand: number;
  readonly connection: { readonly isSubscribed: boolean; readonly oldestPublishMs: number };
}

import * as z from "zod";
import { controlCharacter } from "../lib/foreign.ts";
import { bad, good, type Result } from "../lib/result.ts";

/** More than host, folder and random ids need; anything longer is not ours. */
const idBytesMax = 1000;
/** Limit of other pullers known: more than any system has. */
export const othersMax = 64;
/** All of them in an answer, every character escaped, with room to spare. */
const bytesMax = 4 * othersMax * idBytesMax;
/** Clocks stop here, so that whatever is forged, the next question's clock is still a number that every puller reads. */
export const clockMax = 2 ** 52;
const id = z
  .string()
  .min(1)
  .refine((text) => Buffer.byteLength(text) <= idBytesMax && !controlCharacter.test(text), "is not a puller's name");

export const inquirySchema = z.object({
  key: z.string(),
  url: z.string(),
  fileName: z.string(),
  sizeBytes: z.int().optional(),
  firstArrivalSeconds: z.number().optional(),
  /** See `Provenance`. */
  kind: z.enum(["first", "twin", "foreign"]),
  inDoubt: z.boolean(),
});

/** `placed`: the product is in my folder. `asked`: I have requested its other announcement from the dispatcher. */
const standing = z.enum(["placed", "asked", "nothing"]);

/** A later version may send more: unknown keys are dropped. */
const schema = z.discriminatedUnion("kind", [
  /** I receive messages from now on. `asksBack`: and which pullers else do? */
  z.object({ kind: z.literal("here"), from: id, asksBack: z.boolean() }),
  /** `clock`: Lamport's. Of two pullers that ask about one product at once, both derive the same order from it. */
  z.object({
    kind: z.literal("ask"),
    from: id,
    question: id,
    about: inquirySchema,
    clock: z.int().min(0).max(clockMax),
  }),
  /** `others`: pullers that the answering one knows, connected or not. */
  z.object({ kind: z.literal("answer"), from: id, to: id, question: id, standing, others: z.array(id).optional() }),
]);

/** Messages between pullers; each puller receives all of them. */
export type PeerMessage = z.infer<typeof schema>;
/** The announcement that a puller asks the others about. */
export type Inquiry = z.infer<typeof inquirySchema>;
export type Standing = z.infer<typeof standing>;

export function formatPeerMessage(message: PeerMessage): Buffer {
  return Buffer.from(JSON.stringify(message));
}

/** Fails for other programs' messages and for kinds of a later version, whose senders expect no answer. */
export function parsePeerMessage(body: Buffer): Result<PeerMessage> {
  if (body.length > bytesMax) return bad(`it has ${body.length} bytes, but a puller's message has at most ${bytesMax}`);
  let json: unknown;
  try {
    json = JSON.parse(body.toString());
  } catch (error) {
    return bad((error as Error).message);
  }
  const read = schema.safeParse(json);
  return read.success ? good(read.data) : bad(z.prettifyError(read.error));
}

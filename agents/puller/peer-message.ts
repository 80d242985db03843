import { z } from "zod";
import { controlCharacter } from "../lib/foreign.ts";
import { bad, good, type Result } from "../lib/result.ts";

/** More than host, folder and random ids take; what is longer is not ours. */
const idBytesMax = 1000;
/** Other pullers that one knows, at most: more than any system has. */
export const othersMax = 64;
/** All of them in an answer, each character written out, with room to spare. */
const bytesMax = 4 * othersMax * idBytesMax;
/** Clocks stand still here, so that whatever somebody forges the next question is still a number that all understand. */
export const clockMax = 2 ** 52;
const id = z
  .string()
  .min(1)
  .refine((text) => Buffer.byteLength(text) <= idBytesMax && !controlCharacter.test(text), "is nobody's name");

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

/** `placed`: the product is in my folder. `asked`: I have asked the dispatcher for its other announcement. */
const standing = z.enum(["placed", "asked", "nothing"]);

/** A later version may say more: keys that are not known are left out. */
const schema = z.discriminatedUnion("kind", [
  /** I hear from now on; `asksBack`: and who else does? */
  z.object({ kind: z.literal("here"), from: id, asksBack: z.boolean() }),
  /** `clock`: Lamport's, by which of two that ask about one product at once the same one goes first for both. */
  z.object({
    kind: z.literal("ask"),
    from: id,
    question: id,
    about: inquirySchema,
    clock: z.int().min(0).max(clockMax),
  }),
  /** `others`: pullers that the answering one knows, away or not. */
  z.object({ kind: z.literal("answer"), from: id, to: id, question: id, standing, others: z.array(id).optional() }),
]);

/** What pullers say to each other; each hears all of it. */
export type PeerMessage = z.infer<typeof schema>;
/** The announcement that a puller asks the others about. */
export type Inquiry = z.infer<typeof inquirySchema>;
export type Standing = z.infer<typeof standing>;

export function formatPeerMessage(message: PeerMessage): Buffer {
  return Buffer.from(JSON.stringify(message));
}

/** Bad for what another program put there, and for kinds of message of a later version: nobody waits for an answer to it. */
export function parsePeerMessage(body: Buffer): Result<PeerMessage> {
  if (body.length > bytesMax) return bad(`it has ${body.length} bytes, at most ${bytesMax} are a puller's`);
  let json: unknown;
  try {
    json = JSON.parse(body.toString());
  } catch (error) {
    return bad((error as Error).message);
  }
  const read = schema.safeParse(json);
  return read.success ? good(read.data) : bad(z.prettifyError(read.error));
}

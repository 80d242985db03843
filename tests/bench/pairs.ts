import type { WireMessage } from "../../agents/lib/announcement.ts";
import { productKey } from "../../agents/lib/announcement.ts";
import { codecs } from "../../agents/lib/codecs.ts";

/** The two sources, which both announce every product. */
export const sources = ["urp-1", "urp-2"] as const;
export type Source = (typeof sources)[number];

/** How many products the second source is behind the first. As in production, a twin finds its product already dispatched. */
const lagProductsMax = 2000;

const folder = "db/20150120/RADAR/URP/IWA";
export const topicTail = "20150120.RADAR.URP.IWA";
const sizeBytes = 498_081;

/** Product names as the radar servers make them, unique to a run. */
export function fileNameOf(run: string, product: number): string {
  return `2015012018${run}~~PA,60,10,PA_PRECIPET,MM_HR,MM:URP:IWA:RADAR:META${product}::20150120180902`;
}

export function keyOf(run: string, product: number): string {
  return productKey(fileNameOf(run, product));
}

/** One source's announcement, as an announcer writes it. */
export function announcementOf(run: string, product: number, source: Source): WireMessage {
  const fileName = fileNameOf(run, product);
  const announcement = {
    key: productKey(fileName),
    sizeBytes,
    baseUrl: `http://${source}/`,
    relPath: `${folder}/${fileName}`,
  };
  const message = codecs.v00.format(announcement);
  if (!message.ok) throw new Error(message.reason);
  return message.value;
}

/** Every product twice, in the order in which two sources announce them. */
export function* pairs(products: number): Generator<{ readonly product: number; readonly source: Source }> {
  const lag = Math.min(lagProductsMax, Math.ceil(products / 2));
  for (let at = 0; at < products + lag; at++) {
    if (at < products) yield { product: at, source: sources[0] };
    if (at >= lag) yield { product: at - lag, source: sources[1] };
  }
}

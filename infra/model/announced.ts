import { configSchema as watcherSchema } from "../../agents/watcher/config.ts";
import type { DatamartConfig } from "../config/datamart.ts";
import type { ExchangeBindingModel } from "./types.ts";

export type AnnouncedFormat = DatamartConfig["formats"][number];

/** One way to hear of everything on a public data server: an exchange, and the first words of the routing keys. */
export interface AnnouncedLine {
  readonly exchange: string;
  readonly format: AnnouncedFormat;
  /** The folders of a product follow. */
  readonly topicPrefix: string;
}

/** First words of routing keys by format, from the watcher's defaults; sr3 binds to those of v02 and v03. */
export const topicPrefixesOf = ({ notifyTopic }: Pick<DatamartConfig, "notifyTopic">) => ({
  ...watcherSchema.shape.topicPrefixes.parse(undefined),
  exp: notifyTopic,
});

/** Formats of deliveries: px knows a product's URL, but not the md5 that v00 needs. */
export const deliveredFormats = ({ formats }: DatamartConfig): ("exp" | "v02" | "v03")[] =>
  formats.flatMap((format) => (format === "v00" ? [] : format));

const exchangesOf = ({ exchange, publicExchange }: DatamartConfig): string[] => [
  ...new Set([exchange, publicExchange]),
];

/** Each of them has every product once. v00, which has watched trees only, is none of them. */
export const announcedLines = (datamart: DatamartConfig): AnnouncedLine[] =>
  exchangesOf(datamart).flatMap((exchange) =>
    deliveredFormats(datamart).map((format) => ({
      ...{ exchange, format, topicPrefix: topicPrefixesOf(datamart)[format] },
    })),
  );

/**
 * Bindings between the two exchanges of a public data server, in both directions: what is published to one is heard on both. The broker puts a
 * message into each queue once, even if the queue is bound to both exchanges, and does not route in circles.
 */
export function announcedBindings(datamart: DatamartConfig): ExchangeBindingModel[] {
  const exchanges = exchangesOf(datamart);
  return datamart.formats.flatMap((format) =>
    exchanges.flatMap((source) =>
      exchanges
        .filter((destination) => destination !== source)
        .map((destination) => ({ source, destination, key: `${topicPrefixesOf(datamart)[format]}.#` })),
    ),
  );
}

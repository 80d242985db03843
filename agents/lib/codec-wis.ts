import type { Announcement, Codec, ReceivedMessage, WireMessage } from "./announcement.ts";
import {
  announcementUrl,
  bodyBytesMax,
  bodyText,
  checkAddress,
  nothingToFetch,
  parseJson,
  unescapePath,
} from "./announcement.ts";
import { bad, good, type Result } from "./result.ts";
import { nameUuid } from "./uuid.ts";
import { digestOf, embeddedContent, formatContent } from "./wis-content.ts";
import type { WisDetails } from "./wis-details.ts";
import { coreConformance, type Notification, ownRelations, readNotification } from "./wis-notification.ts";

/** WNM 1.3, requirement /req/core/links D. */
const protocols = /^(?:https?|ftp|sftp):/;

/**
 * wis: the WIS2 Notification Message 1.3, a GeoJSON feature. Carries the product's URL (baseUrl is its scheme and host), pubTimeMs,
 * sizeBytes, a sha512 sum, and `wis`. Other sums only go into the id, and so does one that can't be a sha512. A deletion can be written; a deletion that is read is `nothingToFetch`.
 */
export const codecWis: Codec = {
  format(announcement: Announcement): Result<WireMessage> {
    const { sum, sizeBytes, pubTimeMs, wis = {} } = announcement;
    if (pubTimeMs === undefined) return bad("wis needs the time of publication");
    const pubtime = formatTime(pubTimeMs, 0);
    if (!pubtime.ok) return pubtime;
    const time = formatDataTime(wis.dataTimeMs ?? null);
    if (!time.ok) return time;
    const address = checkAddress(announcement.baseUrl, announcement.relPath.toWellFormed());
    if (!address.ok) return address;
    const href = announcementUrl({ ...announcement, ...address.value });
    const read = parseHref(href);
    if (!read.ok) return read;
    const sha512 = sum?.method === "sha512" ? sum.value : undefined;
    const notification = {
      id: wis.id ?? notificationId(href, announcement),
      conformsTo: [coreConformance],
      type: "Feature",
      geometry: wis.geometry ?? null,
      properties: {
        pubtime: pubtime.value,
        ...time.value,
        data_id: wis.dataId ?? address.value.relPath,
        metadata_id: wis.metadataId,
        integrity: sha512 ? { method: "sha512", value: Buffer.from(sha512, "hex").toString("base64") } : wis.integrity,
      },
      links: [{ href, rel: wis.relation ?? "canonical", length: sizeBytes }],
    };
    const content = wis.content && wis.relation !== "deletion" ? formatContent(wis.content) : undefined;
    const embedded = { ...notification, properties: { ...notification.properties, content } };
    const full = Buffer.from(JSON.stringify(embedded));
    // Without the content if the message is too long: subscribers fetch it from the URL.
    const body = full.length > bodyBytesMax && content ? Buffer.from(JSON.stringify(notification)) : full;
    if (body.length > bodyBytesMax) return bad(`path is too long: the announcement would have ${body.length} bytes`);
    const valid = readNotification(JSON.parse(body.toString()));
    return valid.ok ? good({ body, headers: {}, contentType: "application/geo+json" }) : valid;
  },

  parse(message: ReceivedMessage): Result<Announcement> {
    const text = bodyText(message.body);
    if (!text.ok) return text;
    const json = parseJson(text.value);
    if (!json.ok) return json;
    const read = readNotification(json.value);
    if (!read.ok) return read;
    const { id, geometry, properties, links } = read.value;
    const link = links.find(({ rel }) => ownRelations.has(rel));
    if (!link || link.rel === "deletion") return bad(nothingToFetch);
    const address = parseHref(link.href);
    if (!address.ok) return bad(`wis links.${links.indexOf(link)}.href: ${address.reason}`);
    const content = embeddedContent(properties.content);
    const { integrity } = properties;
    const sum = integrity?.method === "sha512" ? digestOf(integrity)?.toString("hex") : undefined;
    const sizeBytes = link.length ?? content?.length;
    return good({
      ...address.value,
      pubTimeMs: Date.parse(properties.pubtime),
      ...(sizeBytes === undefined ? {} : { sizeBytes }),
      ...(sum === undefined ? {} : { sum: { method: "sha512", value: sum } as const }),
      wis: {
        id,
        dataId: properties.data_id,
        ...(properties.metadata_id === undefined ? {} : { metadataId: properties.metadata_id }),
        relation: link.rel as "canonical" | "update",
        geometry,
        dataTimeMs: parseDataTime(properties),
        ...(integrity && sum === undefined ? { integrity } : {}),
        ...(content ? { content } : {}),
      },
    });
  },
};

/**
 * The id of a product's notification: a UUID of version 5 of its URL and the content's checksum, or without
 * one, the time of publication. So an announcement has the same id wherever it is translated, and new content gets another one.
 */
export function notificationId(href: string, { sum, key, pubTimeMs, wis }: Announcement): string {
  const content = sum?.value ?? wis?.integrity?.value ?? key ?? String(pubTimeMs);
  return nameUuid(`${href} ${wis?.relation === "deletion" ? "deletion " : ""}${content}`);
}

function parseHref(href: string): Result<{ baseUrl: string; relPath: string }> {
  if (!protocols.test(href)) return bad(`expected a URL of http, https, ftp or sftp: ${href}`);
  const match = /^([a-z]+:\/\/[^\s/?#]+\/)([^\s?#]+)$/.exec(href);
  const [, baseUrl, escapedPath] = match ?? [];
  if (!baseUrl || !escapedPath) return bad(`expected a URL of a file, without query or fragment: ${href}`);
  const relPath = unescapePath(escapedPath);
  return relPath.ok ? checkAddress(baseUrl, relPath.value) : relPath;
}

const yearZeroMs = Date.parse("0000-01-01T00:00:00Z");
const timeMsMax = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

function formatTime(timeMs: number, minMs: number): Result<string> {
  if (!Number.isInteger(timeMs) || timeMs < minMs || timeMs > timeMsMax) return bad(`time is out of range: ${timeMs}`);
  return good(new Date(timeMs).toISOString());
}

type DataTime = NonNullable<WisDetails["dataTimeMs"]> | null;

function formatDataTime(time: DataTime): Result<Partial<Notification["properties"]>> {
  if (time === null) return good({ datetime: null });
  const [from, to] = typeof time === "number" ? [time, time] : [time.fromMs, time.toMs];
  const start = formatTime(from, yearZeroMs);
  if (!start.ok) return start;
  if (typeof time === "number") return good({ datetime: start.value });
  const end = formatTime(to, yearZeroMs);
  return end.ok ? good({ start_datetime: start.value, end_datetime: end.value }) : end;
}

function parseDataTime({ datetime, start_datetime, end_datetime }: Notification["properties"]): DataTime {
  if (start_datetime !== undefined && end_datetime !== undefined)
    return { fromMs: Date.parse(start_datetime), toMs: Date.parse(end_datetime) };
  return datetime === undefined || datetime === null ? null : Date.parse(datetime);
}

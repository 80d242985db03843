import * as z from "zod";
import type { Announcement } from "./announcement.ts";
import { bad, good, type Result } from "./result.ts";
import { routingKeyBytesMax } from "./topics.ts";

/** WTH 1.3, requirement /req/core/conventions: lower case, words joined by dashes, no dots. */
const level = "[a-z0-9]+(?:-[a-z0-9]+)*";

/** `COUNTRY-NAME`, as the WMO has registered it. */
export const centreId = z
  .string()
  .regex(new RegExp(`^[a-z]+-${level}$`), "expected a centre id, e.g. ca-eccc-msc")
  .max(100);

const topicRule = z.strictObject({
  folder: z
    .string()
    .regex(/^[^/\0]+(?:\/[^/\0]+)*$/, "expected a folder of the products' path, e.g. radar/24_HR_ACCUM")
    .optional()
    .describe("products below this folder; the rule with the longest folder applies; default: all products"),
  policy: z.enum(["core", "recommended"]).default("core").describe("WMO's data policy"),
  topic: z
    .string()
    .regex(new RegExp(`^${level}(?:/${level})+$`), "expected levels of the WIS2 topic hierarchy, joined by /")
    .describe("discipline and levels below it, e.g. weather/surface-based-observations/weather-radar"),
  metadataId: z
    .string()
    .regex(/^urn:wmo:md:[^\s:]+:\S+$/, "expected urn:wmo:md:CENTRE:NAME")
    .optional()
    .describe("id of the data set's discovery metadata record"),
});

const site = z.strictObject({
  longitude: z.number().min(-180).max(180).describe("degrees east, WGS 84"),
  latitude: z.number().min(-90).max(90).describe("degrees north, WGS 84"),
  heightMetres: z.number().min(-500).max(10_000).optional().describe("above the ellipsoid"),
});

/** How products of a centre are announced in WIS2. */
export const wisRules = {
  centre: centreId.describe("centre id that the WMO has registered, the fourth level of each topic"),
  topics: z
    .array(topicRule)
    .min(1)
    .max(1000)
    .refine((list) => new Set(list.map(({ folder }) => folder)).size === list.length, "expected each folder once")
    .describe("the topic of the products below a folder"),
  sites: z
    .record(z.string().min(1), site)
    .default({})
    .describe("place of each radar or station, by the name of its folder"),
};
const rulesObject = z.strictObject(wisRules);
export type WisRules = z.infer<typeof rulesObject>;

/** First words of the routing keys of a centre's data; the broker's MQTT plugin makes `/` of each `.`. */
export const wisTopicPrefix = ({ centre }: Pick<WisRules, "centre">): string => `origin.a.wis2.${centre}`;

/** The routing key of a centre's monitoring events. */
export const eventTopic = (centre: string): string => `monitor.a.wis2.${centre}`;

/**
 * An announcement with the details from the rules, and its routing key `origin.a.wis2.CENTRE.data.POLICY.TOPIC`. The data id is the topic from
 * `wis2` on, and the product's path. The place is that of the last folder in the path that `sites` names. The time is at the beginning of the
 * file's name, `YYYYMMDDhhmm` with or without seconds, in UTC; unknown if there is none.
 * @returns bad if no rule names the product's folder, or the routing key is too long
 */
export function applyWisRules(
  announcement: Announcement,
  rules: WisRules,
): Result<{ readonly announcement: Announcement; readonly routingKey: string }> {
  const { relPath } = announcement;
  const rule = ruleOf(relPath, rules);
  if (!rule) return bad(`no WIS2 topic for the folder of ${relPath}`);
  const topic = `data/${rule.policy}/${rule.topic}`;
  const routingKey = `${wisTopicPrefix(rules)}.${topic.replaceAll("/", ".")}`;
  const bytes = Buffer.byteLength(routingKey);
  if (bytes > routingKeyBytesMax)
    return bad(`routing key would have ${bytes} bytes, but at most ${routingKeyBytesMax} fit`);
  const folders = relPath.split("/").slice(0, -1);
  const place = folders.findLast((folder) => Object.hasOwn(rules.sites, folder));
  const wis = {
    ...(rule.metadataId === undefined ? {} : { metadataId: rule.metadataId }),
    dataId: `wis2/${rules.centre}/${topic}/${relPath}`,
    geometry: place === undefined ? null : pointOf(rules.sites[place]),
    dataTimeMs: nameTimeMs(relPath.slice(relPath.lastIndexOf("/") + 1)),
    ...announcement.wis,
  };
  return good({ announcement: { ...announcement, wis }, routingKey });
}

/** The rule of the longest folder that the path is below. */
function ruleOf(relPath: string, { topics }: WisRules): WisRules["topics"][number] | undefined {
  const length = ({ folder = "" }: WisRules["topics"][number]): number => folder.length;
  return topics
    .filter(({ folder }) => folder === undefined || relPath.startsWith(`${folder}/`))
    .toSorted((one, other) => length(other) - length(one))[0];
}

function pointOf(place: WisRules["sites"][string] | undefined) {
  if (!place) return null;
  const { longitude, latitude, heightMetres } = place;
  const height = heightMetres === undefined ? [] : [heightMetres];
  return { type: "Point" as const, coordinates: [longitude, latitude, ...height] };
}

function nameTimeMs(name: string): number | null {
  const match = /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})?(?!\d)/.exec(name);
  if (!match) return null;
  const [, year, month, day, hour, minute, second = "00"] = match;
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const timeMs = Date.parse(iso);
  // Date.parse would move the 30th of February to March.
  return Number.isNaN(timeMs) || new Date(timeMs).toISOString() !== iso ? null : timeMs;
}

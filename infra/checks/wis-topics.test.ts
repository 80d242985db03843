import { expect, test } from "vitest";
import { isPublishedTopic } from "./wis-topics.ts";

test.each([
  "weather/surface-based-observations/weather-radar",
  "weather/surface-based-observations",
  "weather/prediction/forecast/short-range/deterministic/limited-area",
  "weather/prediction/forecast/short-range/probabilistic/trajectory",
  "weather/space-based-observations/alos-2/palsar-2",
  "hydrology/experimental/our-own/rain-gauges",
])("%s is in the published hierarchy", (topic) => expect(isPublishedTopic(topic)).toBe(true));

test.each([
  "weather",
  "weather/surface-based-observations/radar",
  "weather/surface-based-observations/weather-radar/xss",
  "weather/prediction/hindcast/nowcasting",
  "weather/prediction/analysis/short-range/deterministic/trajectory",
  "rain/experimental",
  "*/experimental",
])("%s is not", (topic) => expect(isPublishedTopic(topic)).toBe(false));

/**
 * Levels below the data policy of the WIS2 Topic Hierarchy 1.3.0: github.com/wmo-im/wis2-topic-hierarchy, folder
 * topic-hierarchy/earth-system-discipline, © WMO, Apache License 2.0. `|` separates the names of one level; `*` is any name. The more than 700
 * satellites and instruments are not listed. Below `experimental` any names are allowed (/per/core/publishing).
 */
const published: readonly (readonly (readonly string[])[])[] = [
  "atmospheric-composition/advisories-warnings/air-pollution|fires|nuclear-fallout|ozone-and-ultraviolet-radiation|sand-and-dust|volcanic-activity",
  "atmospheric-composition/observations/aerosol-particles-and-clouds|atmospheric-processes-and-kinetics|emissions",
  "atmospheric-composition/observations/gases/greenhouse-gases|ozone|reactive-gases",
  "atmospheric-composition/observations/radiation-latent-heat/ultraviolet-radiation",
  "atmospheric-composition/observations/surface-flux-densities/dry-deposition|precipitation-chemistry",
  "climate/surface-based-observations/daily|monthly|sub-daily",
  "cryosphere/space-based-observations/glacier-ice-sheet-ice-shelves|lake-river-ice|sea-ice-icebergs|snow|solid-precipitation",
  "cryosphere/surface-based-observations/frozen-ground|snow|solid-precipitation",
  "hydrology/space-based-observations/soil",
  "hydrology/subsurface-based-observations/water-quantity/groundwater|soil",
  "hydrology/surface-based-observations/atmospheric/precipitation",
  "hydrology/surface-based-observations/water-quantity/ice|lake|reservoir|snow|stream",
  "ocean/surface-based-observations/animal-borne-sensors|autonomous-surface-vehicles|autonomous-underwater-vehicles|drifting-buoys|drifting-ocean-profilers",
  "ocean/surface-based-observations/fixed-coastal-stations|fixed-marine-platforms|moored-buoys-and-moorings|sea-ice|ship-sub-surface|ship-surface|tsunami-buoys|wave-buoys",
  "space-weather|weather/space-based-observations/*/*",
  "weather/advisories-warnings",
  "weather/aviation/metar|qvaci|taf",
  "weather/maritime-safety-information/forecasts|sea-ice-information|warnings",
  "weather/prediction/analysis|forecast/medium-range|nowcasting|seasonal|short-range|subseasonal/deterministic|probabilistic/global|limited-area",
  "weather/prediction/forecast/medium-range|short-range/deterministic|probabilistic/trajectory",
  "weather/prediction/hindcast|reanalysis/medium-range|seasonal|short-range|subseasonal/deterministic|probabilistic/global|limited-area",
  "weather/surface-based-observations/amdar|fixed-marine-platforms|gnss-iwv|ship|synop|temp|temp-ship|temperature-profile-radar|uas|vertical-profilers",
  "weather/surface-based-observations/weather-radar|wind-profile|wind-profile-radar|wind-profile-ship",
].map((line) => line.split("/").map((names) => names.split("|")));

const disciplines = new Set(published.flatMap(([names = []]) => names));

/** Whether the hierarchy has this topic below the data policy. It may end above a leaf, but not at the discipline. */
export function isPublishedTopic(topic: string): boolean {
  const levels = topic.split("/");
  const [discipline = "", next] = levels;
  if (next === undefined) return false;
  if (next === "experimental") return disciplines.has(discipline);
  return published.some(
    (line) =>
      levels.length <= line.length &&
      levels.every((level, index) => line[index]?.some((name) => name === "*" || name === level)),
  );
}

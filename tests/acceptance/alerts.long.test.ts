import { parseDocument } from "yaml";
import { faultsFireAlerts } from "./alerts.ts";
import { oneLab } from "./one-lab.ts";
import { useSubject } from "./subject.ts";

/** All times of alerts divided by ten; a radar server counts as silent after half a minute. */
function atATenth(text: string): string {
  const stack = parseDocument(text);
  stack.setIn(["config", "warren:monitor", "timeScale"], 0.1);
  stack.setIn(["config", "warren:announcements", "silenceSeconds"], 30);
  return String(stack);
}

useSubject("alerts", "lab", atATenth);
oneLab();

faultsFireAlerts();

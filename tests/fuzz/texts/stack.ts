import { ConfigError } from "../../../agents/lib/errors.ts";
import { findings } from "../../../infra/checks/index.ts";
import { noPast } from "../../../infra/checks/past.ts";
import { rules } from "../../../infra/checks/rules.ts";
import { clusterModels } from "../../../infra/model/cluster.ts";
import { parseCommittedConfig, stackText } from "../../../scripts/engine/stack-config.ts";
import { formatChecks } from "../../../scripts/inspect/checks-report.ts";
import { refusalOf, type TextReader } from "./text-subject.ts";

/** A stack file as `./warren checks` reads and judges it. */
export const stackReader: TextReader = {
  name: "stack",
  summary: "stack files, as ./warren checks reads and judges them",
  samples: ["lab", "lab4", "op", "dev"].map((name) => Buffer.from(stackText(name))),
  read: (bytes) =>
    refusalOf(
      () => {
        const config = parseCommittedConfig(bytes, "stacks/Pulumi.x.yaml", "stack x");
        const found = findings({ stack: "x", clusters: clusterModels(config) }, config, noPast);
        formatChecks({ stack: "x", rules, findings: found, hasPast: false }, false);
      },
      (error) => error instanceof ConfigError,
    ),
};

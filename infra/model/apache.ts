import { basename } from "node:path/posix";
import { renderApacheProducts } from "../../templates/render.ts";
import { candidate } from "../commands/files.ts";
import { rootFile } from "./files.ts";
import type { HostPart, PartContext } from "./part.ts";

/** The URL path of the product tree: its last folder, as in announcements (`db/2015…`). */
export const productUrlPath = (productRoot: string): string => `/${basename(productRoot)}/`;

/** The product server of a radar server: the tree of announced products, read-only. */
export function apachePart({ config }: PartContext): HostPart {
  const root = config.announcements.productRoot;
  return apacheServing("warren-products.conf", renderApacheProducts({ root, url: productUrlPath(root) }));
}

/** Apache with one more piece of configuration. */
export function apacheServing(name: string, content: string): HostPart {
  const conf = rootFile(`/etc/apache2/conf-enabled/${name}`, content, {
    order: "after-packages",
    validate: ["apache2ctl", "-t", "-c", `Include ${candidate}`],
  });
  return {
    files: [conf],
    packages: [{ name: "apache2" }],
    units: [
      {
        name: "apache2.service",
        onChange: "reload",
        reads: [conf.path],
        after: [],
        afterBroker: false,
        packaged: true,
      },
    ],
  };
}

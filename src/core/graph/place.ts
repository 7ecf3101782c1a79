import type { ErrorPlace } from "../errors.ts";
import type { Node } from "./graph.ts";

/** Where a node stands, for errors: its name with the operator, and the module path that exporters write into the name. */
export function placeOfNode(node: Node): ErrorPlace {
  const path = node.name.split("/").filter((part) => part !== "");
  const layer = path.slice(0, -1).join(".");
  return {
    node: `${node.name} (${node.op})`,
    ...(layer === "" ? {} : { layer }),
  };
}

import type { onnx } from "onnx-proto";
import { TracInError } from "../errors.ts";

/** Branches in branches, beyond which a file is no model that anybody exported. */
const deepest = 16;

/** How to avoid control flow that is not read; nn.EmbeddingBag is exported as a loop over the examples. */
export const controlFlowRemedy =
  "Export the model by tracing (torch.onnx.export of the module itself, not of a torch.jit.script), without branches that depend on data. Instead of nn.EmbeddingBag use nn.Embedding and .sum(1) or .mean(1): the weights are the same.";

/**
 * The nodes with both branches of every If before it, in which every name is the If's own, and an If for each of its outputs
 * with three inputs: the condition, and what the two branches give. Which of them is taken is settled once the data are known (see
 * `takeBranches`); the nodes of the other one are never run.
 *
 * Throws kind `model` naming file and node: branches that are damaged, nested too deep, or hold weights.
 */
export function inlineBranches(
  nodes: readonly onnx.INodeProto[],
  file: string,
  depth = 0,
): onnx.INodeProto[] {
  return nodes.flatMap((node, index): onnx.INodeProto[] => {
    if (node.opType !== "If") {
      return [node];
    }
    const name = node.name || `If_${index}`;
    const fail = (message: string): never => {
      const place = { file, node: `${name} (If)` };
      throw new TracInError("model", message, place, controlFlowRemedy);
    };
    if (depth >= deepest) {
      return fail("Branches are nested too deep.");
    }
    const branch = (key: string): { nodes: onnx.INodeProto[]; outputs: string[] } => {
      const graph = (node.attribute ?? []).find((each) => each.name === key)?.g;
      if (!graph) {
        return fail(`The If has no ${key}.`);
      }
      if ((graph.initializer ?? []).length > 0) {
        return fail(`Its ${key} holds weights of its own, which is not supported.`);
      }
      const body = inlineBranches(graph.node ?? [], file, depth + 1);
      // The prefix holds an output of the If, which no other node has.
      const prefix = `${node.output?.find((output) => output !== "") ?? name}/${key}`;
      const made = new Set(body.flatMap((each) => each.output ?? []));
      const renamed = (value: string): string =>
        value !== "" && made.has(value) ? `${prefix}/${value}` : value;
      return {
        nodes: body.map((each) => ({
          ...each,
          name: `${prefix}/${each.name ?? ""}`,
          input: (each.input ?? []).map(renamed),
          output: (each.output ?? []).map(renamed),
        })),
        outputs: (graph.output ?? []).map((output) => renamed(output.name ?? "")),
      };
    };
    const [taken, other] = [branch("then_branch"), branch("else_branch")];
    const choices = (node.output ?? []).flatMap((output, place): onnx.INodeProto[] => {
      const [condition = ""] = node.input ?? [];
      const input = [condition, taken.outputs[place] ?? "", other.outputs[place] ?? ""];
      return output === ""
        ? []
        : input.includes("")
          ? fail("Its branches have fewer outputs than it has.")
          : [{ opType: "If", name, input, output: [output], attribute: [] }];
    });
    return [...taken.nodes, ...other.nodes, ...choices];
  });
}

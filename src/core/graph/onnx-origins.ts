import { messages } from "./protobuf.ts";

/**
 * What PyTorch's newer exporter (`dynamo=True`) writes into the metadata of nodes and values, fields of the file format that came
 * after the version which our protobuf library knows (onnx.proto of IR version 10).
 */
export interface Origins {
  /** What an initializer was in the exported program: `PARAMETER`, `BUFFER`, `CONSTANT_TENSOR`; empty for other exporters. */
  readonly kinds: ReadonlyMap<string, string>;
  /** Initializers that the state_dict does not hold: buffers with `persistent=False`. */
  readonly transient: ReadonlySet<string>;
  /** Path of the module that made a node, such as `encoder.layers.0.linear1`, by the node's first output. */
  readonly modules: ReadonlyMap<string, string>;
}

const none: Origins = { kinds: new Map(), transient: new Set(), modules: new Map() };
const kindKey = "pkg.torch.export.graph_signature.InputSpec.kind";
const persistentKey = "pkg.torch.export.graph_signature.InputSpec.persistent";
const scopesKey = "pkg.torch.onnx.name_scopes";
const text = new TextDecoder();

/** The origins in the bytes of an ONNX file that has been decoded before; nothing of what it finds damaged. */
export function readOrigins(bytes: Uint8Array): Origins {
  try {
    const kinds = new Map<string, string>();
    const transient = new Set<string>();
    const modules = new Map<string, string>();
    // ModelProto.graph, then GraphProto.node and GraphProto.value_info.
    for (const graph of messages(bytes, 7)) {
      for (const value of messages(graph, 13)) {
        const entries = metadata(value, 4);
        const name = first(value, 1);
        const kind = entries.get(kindKey)?.replace(/^.*\./, "");
        if (kind !== undefined) {
          kinds.set(name, kind);
        }
        if (entries.get(persistentKey) === "False" && kind === "BUFFER") {
          transient.add(name);
        }
      }
      for (const node of messages(graph, 1)) {
        const scopes = [...(metadata(node, 9).get(scopesKey) ?? "").matchAll(/'([^']*)'/g)];
        // Paths from the root to the call; the last is the operation itself.
        const path = scopes.at(-2)?.[1] ?? "";
        if (path !== "" && !path.startsWith("_")) {
          modules.set(first(node, 2), path);
        }
      }
    }
    return { kinds, transient, modules };
  } catch (error) {
    if (error instanceof RangeError) {
      return none;
    }
    throw error;
  }
}

/** Entries of the repeated field `number` of `StringStringEntryProto`. */
function metadata(message: Uint8Array, number: number): ReadonlyMap<string, string> {
  return new Map([...messages(message, number)].map((entry) => [first(entry, 1), first(entry, 2)]));
}

function first(message: Uint8Array, number: number): string {
  const [found] = messages(message, number);
  return found === undefined ? "" : text.decode(found);
}

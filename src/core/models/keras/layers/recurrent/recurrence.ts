import { counted } from "../../../../counted.ts";
import type { KerasTensor, LayerContext } from "../../layer.ts";
import { snakeCase } from "../../names.ts";
import { isTensor, tensorsIn } from "../../references.ts";
import { LayerConfig } from "../../settings.ts";
import { checkKeywords, theInput } from "../../shapes.ts";
import type { Cell } from "./cell.ts";
import { cellMakers } from "./cells.ts";
import { convolutionCell } from "./convolution-cell.ts";
import { stepMasks, unroll } from "./unroll.ts";

/** What a recurrent layer is called with. */
export interface RecurrentCall {
  readonly x: KerasTensor;
  /** States at the start; empty for zeros. */
  readonly initial: readonly KerasTensor[];
  /** Bool [batch, time]. */
  readonly mask: string | undefined;
}

/** A recurrent layer, unrolled over its steps. */
export interface Recurrence {
  /** Output of each step as step value, in the order in which the steps were taken. */
  readonly outputs: readonly string[];
  readonly states: readonly KerasTensor[];
  /** The cell that made the outputs. */
  readonly cell: Cell;
  readonly returnSequences: boolean;
  readonly returnState: boolean;
  readonly backwards: boolean;
}

/** Layers with one cell of vectors: its class. */
const vectorCells: Readonly<Record<string, string>> = {
  SimpleRNN: "SimpleRNNCell",
  LSTM: "LSTMCell",
  GRU: "GRUCell",
};

/** Layers with one cell of images: the number of their spatial axes. */
const imageCells: Readonly<Record<string, number>> = {
  ConvLSTM1D: 1,
  ConvLSTM2D: 2,
  ConvLSTM3D: 3,
};

/** Classes of layers that {@link recur} translates. */
export const recurrentClasses: readonly string[] = [
  ...Object.keys(vectorCells),
  ...Object.keys(imageCells),
  "RNN",
];

/**
 * Sequences, states and mask of a call. Keras 2 puts the states behind the sequences, Keras 3 into `initial_state`.
 * @throws kind `model` for arguments that are not read
 */
export function recurrentCall(context: LayerContext): RecurrentCall {
  const { args, kwargs } = context.call;
  checkKeywords(context, ["sequences", "inputs", "initial_state", "mask"]);
  const x = theInput(context);
  const behind = tensorsIn(args).slice(1);
  const initial = [...behind, ...tensorsIn(kwargs["initial_state"])];
  const given = kwargs["mask"];
  const mask = isTensor(given) ? given.value : x.mask;
  const rank = isTensor(given) ? given.shape.length : mask && context.maskRank(mask);
  if (mask !== undefined && rank !== 2) {
    throw context.error(
      `The mask of the layer's input has ${rank} axes instead of [batch, time].`,
      "Mask the inner sequences inside the model that TimeDistributed wraps, and save the model again.",
    );
  }
  return { x, initial, mask };
}

/**
 * Unrolls a recurrent layer over its steps.
 * @param zeroMasked overrules the setting `zero_output_for_mask`
 */
export function recur(
  context: LayerContext,
  { x, initial, mask }: RecurrentCall,
  zeroMasked?: (returnSequences: boolean) => boolean,
): Recurrence {
  const { layer, builder } = context;
  refuseModes(context);
  const steps = context.size(x, 1);
  const cells = cellsOf(context, x);
  const last = cells.at(-1) as Cell;
  const backwards = layer.bool("go_backwards", false);
  const returnSequences = layer.bool("return_sequences", false);
  const zeroSetting = layer.bool("zero_output_for_mask", false);
  const count = cells.reduce((total, cell) => total + cell.states, 0);
  if (initial.length > 0 && initial.length !== count) {
    throw context.error(
      `The layer has ${counted(count, "state")}, but is called with ${initial.length}.`,
      "Give it all of its states, or none, and save the model again.",
    );
  }
  const inOrder = <T>(list: readonly T[]): readonly T[] => (backwards ? list.toReversed() : list);
  const masks =
    mask === undefined ? undefined : inOrder(stepMasks(builder, mask, steps, last.rank));
  const states: KerasTensor[] = [];
  let outputs: readonly string[] = [];
  for (const [index, cell] of cells.entries()) {
    const given = initial.slice(states.length, states.length + cell.states);
    const projected =
      index === 0
        ? inOrder(cell.project(x, steps))
        : cell.project((cells[index - 1] as Cell).join(outputs), steps);
    const unrolled = unroll(builder, cell, projected, {
      initial: given.map((state) => cell.enter(state)),
      masks,
      zeroMasked: cell === last && (zeroMasked?.(returnSequences) ?? zeroSetting),
    });
    outputs = unrolled.outputs;
    states.push(...unrolled.states.map((value) => cell.leave(value)));
  }
  return {
    outputs,
    states,
    cell: last,
    returnSequences,
    returnState: layer.bool("return_state", false),
    backwards,
  };
}

function refuseModes(context: LayerContext): void {
  const { layer } = context;
  if (layer.bool("stateful", false)) {
    throw context.error(
      "The layer is stateful: its state goes over from one batch to the next, so that examples are not independent.",
      "Build the model again with stateful=False, load the weights into it, and save it.",
    );
  }
  if (layer.bool("time_major", false)) {
    throw context.error(
      "The layer takes time before the batch (time_major=True).",
      "Build the model with time_major=False and save it again.",
    );
  }
}

/** The cells of a layer, the first one nearest to the input; several for StackedRNNCells. */
function cellsOf(context: LayerContext, x: KerasTensor): readonly Cell[] {
  const { layer } = context;
  const axes = imageCells[layer.className];
  if (axes !== undefined) {
    const scope = { attributes: ["cell"], names: [`conv_lstm${axes}d_cell`, "conv_lstm_cell", ""] };
    return [convolutionCell(context.child(layer, scope, context.call), x, axes)];
  }
  const own = vectorCells[layer.className];
  const width = x.shape.at(-1);
  if (x.shape.length !== 3 || typeof width !== "number") {
    throw context.error(
      `The layer takes [batch, time, features], but its input is [${x.shape.map((size) => size ?? "?").join(", ")}].`,
      "Build the model with a fixed number of features and save it again.",
    );
  }
  if (own !== undefined) {
    const scope = { attributes: ["cell"], names: [snakeCase(own), ""] };
    return [vectorCellOf(context.child(layer, scope, context.call), own, width)];
  }
  const cell = layer.layer("cell");
  const outer = context.child(cell, { attributes: ["cell"], names: [cell.name, ""] }, context.call);
  return cell.className === "StackedRNNCells"
    ? stackedCells(outer, width)
    : [vectorCellOf(outer, cell.className, width)];
}

function stackedCells(context: LayerContext, width: number): readonly Cell[] {
  const list = context.layer.raw("cells");
  if (!Array.isArray(list) || list.length === 0) {
    throw context.error("The layer has no cells.", "Save the model again with Keras.");
  }
  const counters = new Map<string, number>();
  const cells: Cell[] = [];
  for (const data of list) {
    const config = new LayerConfig(data, context.layer.file);
    const stem = snakeCase(config.className);
    const number = counters.get(stem) ?? 0;
    counters.set(stem, number + 1);
    const path = `cells/${number === 0 ? stem : `${stem}_${number}`}`;
    const scope = { attributes: [path], names: [config.name, ""] };
    const inner = context.child(config, scope, context.call);
    cells.push(vectorCellOf(inner, config.className, cells.at(-1)?.width ?? width));
  }
  context.layer.checkAllRead();
  return cells;
}

function vectorCellOf(context: LayerContext, className: string, width: number): Cell {
  const make = Object.hasOwn(cellMakers, className) ? cellMakers[className] : undefined;
  if (make === undefined) {
    throw context.error(
      `Cells of the class "${className}" are not read.`,
      "Use SimpleRNNCell, LSTMCell or GRUCell and save the model again, or export the model to ONNX.",
    );
  }
  const cell = make(context, width);
  // A layer with a cell of its own holds the settings of both, and is checked as a whole.
  if (context.layer.className === className) {
    context.layer.checkAllRead();
  }
  return cell;
}

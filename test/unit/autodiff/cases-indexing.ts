import { int64, type Shape, sizeOf } from "../../../src/core/graph/tensor.ts";
import { chance, integer, permutation, shape, tensor } from "./draw.ts";
import type { Draw, OperatorCase } from "./harness.ts";

/** Operators that pick or place elements by index; indices may be negative. */
export const indexingCases: Readonly<Record<string, (draw: Draw) => OperatorCase>> = {
  Gather: (draw) => {
    const x = shape(draw, 1, 3);
    const axis = integer(draw, 0, x.length - 1);
    const size = x[axis] ?? 1;
    const where = shape(draw, 0, 2);
    const indices = Array.from({ length: sizeOf(where) }, () => integer(draw, -size, size - 1));
    return {
      inputs: [tensor(draw, x), int64(where, indices)],
      checked: [0],
      attributes: { axis: chance(draw) ? axis : axis - x.length },
    };
  },
  Col2Im: (draw) => {
    // Dilated windows have two spatial axes: onnxruntime is wrong in silence elsewhere.
    const rank = integer(draw, 1, 3);
    const each = (low: number, high: number) =>
      Array.from({ length: rank }, () => integer(draw, low, high));
    const kernel = each(1, 2);
    const strides = each(1, 2);
    const dilations = rank === 2 ? each(1, 2) : kernel.map(() => 1);
    const counts = each(1, 2);
    const pads = [...each(0, 1), ...each(0, 1)];
    // Elements over at the end, which no window reaches.
    const over = each(0, 1);
    const size = counts.map((count, axis) => {
      const reach = (dilations[axis] ?? 1) * ((kernel[axis] ?? 1) - 1) + 1;
      const whole = (count - 1) * (strides[axis] ?? 1) + reach;
      const padding = (pads[axis] ?? 0) + (pads[rank + axis] ?? 0);
      return whole - padding + ((over[axis] ?? 0) < (strides[axis] ?? 1) ? (over[axis] ?? 0) : 0);
    });
    if (size.some((length) => length < 1)) {
      pads.fill(0);
      counts.forEach((count, axis) => {
        const reach = (dilations[axis] ?? 1) * ((kernel[axis] ?? 1) - 1) + 1;
        size[axis] = (count - 1) * (strides[axis] ?? 1) + reach;
      });
    }
    const channels = integer(draw, 1, 2);
    const x = [integer(draw, 1, 2), channels * sizeOf(kernel), sizeOf(counts)];
    return {
      inputs: [tensor(draw, x), int64([rank], size), int64([rank], kernel)],
      checked: [0],
      attributes: { strides, dilations, pads },
    };
  },
  GatherElements: (draw) => {
    const x = shape(draw, 1, 3);
    const axis = integer(draw, 0, x.length - 1);
    const where = x.map((size, each) => (each === axis ? integer(draw, 1, 5) : size));
    return {
      inputs: [tensor(draw, x), numbersBelow(draw, x[axis] ?? 1, where)],
      checked: [0],
      attributes: { axis: chance(draw) ? axis : axis - x.length },
    };
  },
  GatherND: (draw) => {
    const x = shape(draw, 2, 4, 3);
    const batch = integer(draw, 0, x.length - 2);
    const depth = integer(draw, 1, x.length - batch);
    const lead = [...x.slice(0, batch), ...shape(draw, 1, 2, 3)];
    return {
      inputs: [tensor(draw, x), tuplesBelow(draw, x.slice(batch, batch + depth), lead)],
      checked: [0],
      attributes: { batch_dims: batch },
    };
  },
  ScatterElements: (draw) => {
    const x = shape(draw, 1, 3);
    const axis = integer(draw, 0, x.length - 1);
    const size = x[axis] ?? 1;
    const isAdded = chance(draw);
    const where = x.map((length, each) => (each === axis ? integer(draw, 1, size) : length));
    // Without addition, no two updates may meet.
    const places = isAdded ? numbersBelow(draw, size, where) : distinct(draw, size, where, axis);
    return {
      inputs: [tensor(draw, x), places, tensor(draw, where)],
      checked: [0, 2],
      attributes: { axis, reduction: isAdded ? "add" : "none" },
    };
  },
  ScatterND: (draw) => {
    const x = shape(draw, 1, 4, 3);
    const depth = integer(draw, 1, x.length);
    const isAdded = chance(draw);
    const lead = isAdded ? shape(draw, 1, 2, 3) : [integer(draw, 1, x[0] ?? 1)];
    const tuples = tuplesBelow(draw, x.slice(0, depth), lead);
    if (!isAdded) {
      permutation(draw, x[0] ?? 1)
        .slice(0, lead[0])
        .forEach((row, index) => {
          tuples.data[index * depth] = BigInt(row);
        });
    }
    return {
      inputs: [tensor(draw, x), tuples, tensor(draw, [...lead, ...x.slice(depth)])],
      checked: [0, 2],
      attributes: { reduction: isAdded ? "add" : "none" },
    };
  },
  TopK: (draw) => {
    const x = shape(draw, 1, 3);
    const axis = integer(draw, -x.length, x.length - 1);
    const k = integer(draw, 1, x.at(axis) ?? 1);
    return {
      inputs: [tensor(draw, x), int64([1], [k])],
      checked: [0],
      outputs: 2,
      attributes: { axis, largest: Number(chance(draw)) },
    };
  },
};

function numbersBelow(draw: Draw, size: number, of: Shape) {
  return int64(
    of,
    Array.from({ length: sizeOf(of) }, () => integer(draw, -size, size - 1)),
  );
}

/** Index tuples [...lead, sizes.length]. */
function tuplesBelow(draw: Draw, sizes: Shape, lead: Shape) {
  const tuples = Array.from({ length: sizeOf(lead) }, () =>
    sizes.map((size) => integer(draw, -size, size - 1)),
  );
  return int64([...lead, sizes.length], tuples.flat());
}

/** Numbers below `size` of which no two along `axis` are the same. */
function distinct(draw: Draw, size: number, of: Shape, axis: number) {
  const order = permutation(draw, size);
  const after = sizeOf(of.slice(axis + 1));
  return int64(
    of,
    Array.from({ length: sizeOf(of) }, (_, at) => {
      const along = Math.floor(at / after) % (of[axis] ?? 1);
      const turn = at % after;
      return order[(along + turn) % size] ?? 0;
    }),
  );
}

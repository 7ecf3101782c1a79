/** A stretch of a gradient with a scale and a bin size of its own. */
export interface Layer {
  readonly start: number;
  readonly size: number;
  /** Elements of a bin: AdaComp takes 50 for convolutions and 500 for others. */
  readonly bin: number;
}

/** What is kept of one gradient: places of elements, and what each of them is taken as. */
export interface Kept {
  readonly places: readonly number[];
  readonly values: readonly number[];
  readonly bytes: number;
}

/**
 * AdaComp's step (Chen et al. 2018, algorithm 2): with the residue r and the gradient g, G = r + g and H = G + g; an element
 * is kept where |H| reaches the largest |G| of its bin, as its sign times the layer's mean largest |G|; the rest stays in
 * the residue.
 *
 * @param residue is changed; undefined keeps none
 */
export function keepLargest(
  gradient: Float32Array,
  residue: Float32Array | undefined,
  layers: readonly Layer[],
): Kept {
  const places: number[] = [];
  const values: number[] = [];
  let bytes = 0;
  for (const { start, size, bin } of layers) {
    const end = start + size;
    const largest: number[] = [];
    for (let from = start; from < end; from += bin) {
      let most = 0;
      for (let place = from; place < Math.min(end, from + bin); place++) {
        const sum = (gradient[place] as number) + (residue?.[place] ?? 0);
        most = Math.max(most, Math.abs(sum));
      }
      largest.push(most);
    }
    const scale = largest.reduce((sum, each) => sum + each, 0) / largest.length;
    for (let place = start; place < end; place++) {
      const own = gradient[place] as number;
      const sum = own + (residue?.[place] ?? 0);
      const most = largest[Math.floor((place - start) / bin)] as number;
      const isKept = most > 0 && Math.abs(sum + own) >= most;
      const value = isKept ? Math.sign(sum) * scale : 0;
      if (isKept) {
        places.push(place);
        values.push(value);
        // Place in the bin and sign: a byte for small bins, two for large ones.
        bytes += bin <= 64 ? 1 : 2;
      }
      if (residue !== undefined) {
        residue[place] = sum - value;
      }
    }
    bytes += 4;
  }
  return { places, values, bytes };
}

/** Milliseconds for which a computation keeps the thread to itself. */
const longest = 10;

/** For a loop over batches: a function that lets messages (a cancellation) in, where that has not been done for a while. */
export function breather(): () => Promise<void> {
  let last = performance.now();
  return async () => {
    if (performance.now() - last >= longest) {
      await new Promise((resolve) => setImmediate(resolve));
      last = performance.now();
    }
  };
}

/** h5wasm's module, which has no types; `hdf5-library.ts` states what of it is used. */
declare module "*/h5wasm/dist/esm/hdf5_util.js" {
  const createModule: (options: {
    readonly noInitialRun: boolean;
    readonly print: (line: string) => void;
    readonly printErr: (line: string) => void;
  }) => Promise<unknown>;
  export default createModule;
}

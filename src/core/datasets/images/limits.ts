/** Pixels of the largest image that is decoded: 50 megapixels, 200 MB as RGBA. */
export const maxPixels = 50_000_000;

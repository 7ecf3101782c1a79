/**
 * Environment of a process that computes: glibc gives blocks from 1 MB on back to the system when they are freed. Left alone, it
 * keeps those of up to 32 MB after the first one, such as a model's weights. Other systems do not read it.
 */
export const computeEnvironment = { MALLOC_MMAP_THRESHOLD_: String(2 ** 20) };

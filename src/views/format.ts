/** A number for people: four significant digits, no trailing zeros. */
export function formatNumber(value: number): string {
  return String(Number(value.toPrecision(4)));
}

/** A score with its sign and three significant digits: `+0.182`, `−0.0041`, `+1.2e-7`. */
export function formatScore(value: number): string {
  const size = Math.abs(value);
  const digits =
    size === 0 ? "0" : size < 1e-4 || size >= 1e6 ? size.toExponential(1) : plain(size);
  return `${value < 0 ? "−" : "+"}${digits}`;
}

/** The ends of paths that tell them apart: file names, with folders in front where several files are called the same. */
export function distinctNames(paths: readonly string[]): readonly string[] {
  const parts = paths.map((path) => path.split("/"));
  const longest = Math.max(1, ...parts.map((part) => part.length));
  for (let count = 1; count < longest; count++) {
    const names = parts.map((part) => part.slice(-count).join("/"));
    if (new Set(names).size === paths.length) {
      return names;
    }
  }
  return paths;
}

/** A duration: `0.4 s`, `12 s`, `3 min`. */
export function formatSeconds(seconds: number): string {
  if (seconds >= 120) {
    return `${Math.round(seconds / 60)} min`;
  }
  return seconds < 10 ? `${Math.max(0.1, seconds).toFixed(1)} s` : `${Math.round(seconds)} s`;
}

/** A size: `640 kB`, `12 MB`, `3.4 GB`. */
export function formatBytes(bytes: number): string {
  return bytes < 1e6
    ? `${Math.ceil(bytes / 1e3)} kB`
    : bytes < 1e9
      ? `${Math.round(bytes / 1e6)} MB`
      : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** `1st`, `2nd`, `3rd`, `4th`, `11th`, `21st`. */
export function ordinal(rank: number): string {
  const teen = rank % 100 >= 11 && rank % 100 <= 13;
  const ending = teen ? undefined : { 1: "st", 2: "nd", 3: "rd" }[rank % 10];
  return `${rank}${ending ?? "th"}`;
}

/** A moment in the person's own time: `14:32` today, `3 Nov, 14:32` before. */
export function formatTime(iso: string, now = new Date()): string {
  const time = new Date(iso);
  const clock = time.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  if (time.toDateString() === now.toDateString()) {
    return clock;
  }
  return `${time.toLocaleDateString(undefined, { day: "numeric", month: "short" })}, ${clock}`;
}

function plain(size: number): string {
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(size)));
  return size.toFixed(Math.min(decimals, 7));
}

/** `1,234,567` */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `3 frames`, `1 frame` */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** `980 B`, `1.2 KiB`, `34 MiB` */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1023.5 && unit < units.length - 1; unit++) value /= 1024;
  return `${unit === 0 ? value : threeDigits(value)} ${units[unit]}`;
}

/** A latency: `85 µs`, `1.23 ms`, `12.3 ms`, `2.05 s`, `3m 07s` */
export function formatLatency(us: number): string {
  if (us < 999.5) return `${Math.round(us)} µs`;
  if (us < 999_500) return `${threeDigits(us / 1000)} ms`;
  if (us < 59_950_000) return `${threeDigits(us / 1_000_000)} s`;
  return formatDuration(us / 1000);
}

/** How long something took: `0 s`, `950 ms`, `12.3 s`, `3m 07s`, `2h 05m`, `3d 04h` */
export function formatDuration(ms: number): string {
  if (ms < 0.5) return "0 s";
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${threeDigits(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${two(seconds % 60)}s`;
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1440) return `${Math.floor(minutes / 60)}h ${two(minutes % 60)}m`;
  const hours = Math.round(ms / 3_600_000);
  return `${Math.floor(hours / 24)}d ${two(hours % 24)}h`;
}

/** A time since the start of a tape: `0.012`, `1:02.345`, `1:00:02.345` */
export function formatOffset(ms: number): string {
  const millis = String(Math.floor(ms) % 1000).padStart(3, "0");
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds}.${millis}`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}.${millis}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}.${millis}`;
}

/** How long ago something was: `just now`, `5 min ago`, `3 h ago`, `2 d ago`; empty for a time that is none. */
export function formatAgo(iso: string, nowMs: number): string {
  const seconds = (nowMs - Date.parse(iso)) / 1000;
  if (Number.isNaN(seconds)) return "";
  if (seconds < -60) return "in the future";
  if (seconds < 10) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${formatCount(Math.floor(seconds / 86_400))} d ago`;
}

/** An ISO time for people: `2026-11-23 07:30:12Z`. Anything else comes back as it is. */
export function formatTime(iso: string): string {
  return iso.replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z$/, "$1 $2Z");
}

function threeDigits(value: number): string {
  return value < 9.995 ? value.toFixed(2) : value < 99.95 ? value.toFixed(1) : value.toFixed(0);
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** Formats quantities for people. */

const STEPS = ["B", "KB", "MB", "GB", "TB"] as const;

export function bytes(count: number): string {
  let value = count;
  let step = 0;
  while (value >= 1000 && step < STEPS.length - 1) {
    value /= 1000;
    step += 1;
  }
  const digits = step === 0 || value >= 10 ? 0 : 1;
  return `${value.toFixed(digits)} ${STEPS[step]}`;
}

export function amount(value: number, unit: string): string {
  if (unit === "bytes" || unit === "B") return bytes(value);
  return value >= 10_000 ? `${Math.round(value / 1000)}k` : String(value);
}

export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const days = Math.floor(whole / 86_400);
  const hours = Math.floor((whole % 86_400) / 3_600);
  const minutes = Math.floor((whole % 3_600) / 60);
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min` : `${whole} s`;
}

/** A figure of the agent; text stays as it is. */
export function quantity(value: number | string, unit: string): string {
  if (typeof value === "string") return value;
  return unit === "seconds" ? duration(value) : [amount(value, unit), unit === "bytes" ? "" : unit].filter(Boolean).join(" ");
}

export function latency(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

const kept: unknown[] = [];

/**
 * Keeps one object of a kind for good. Where a full garbage collection finds none of a kind, V8 throws away what it has
 * compiled for that kind, and a process that reads now and then would compile it anew each time.
 */
export function keepOne(object: unknown): void {
  kept.push(object);
}

// The event loop's own turns, for looking whether a batch has arrived in the file. No rule of the store sees this clock.

/** Runs in a later turn, after whatever input waits. */
export function nextTurn(run: () => void): void {
  setImmediate(run)
}

export function afterMs(ms: number, run: () => void): void {
  setTimeout(run, ms)
}

export function sleepMs(ms: number): Promise<void> {
  return new Promise((resolve) => afterMs(ms, resolve))
}

// What one connection asks of a room happens in the order asked, also when a hook or the store takes its time.
// Rooms do not wait for one another.

type Step = () => void | Promise<void>

/** A step that throws or rejects is told to `failed`; the next one runs all the same. */
export class RoomOrder {
  readonly #failed: (error: unknown) => void
  /** Null while nothing is under way, as on most connections most of the time. */
  #queues: Map<string, Step[]> | null = null
  #idlers: (() => void)[] | null = null
  #waitingCount = 0

  constructor(failed: (error: unknown) => void) {
    this.#failed = failed
  }

  /** Steps that have not begun, of all rooms. */
  get waitingCount(): number {
    return this.#waitingCount
  }

  /** Runs the step when those before it for the room have let go: at once when there are none. */
  enqueue(room: string, step: Step): void {
    this.#waitingCount += 1
    const queue = this.#queues?.get(room)
    if (queue !== undefined) {
      queue.push(step)
      return
    }
    const started = [step]
    this.#queues ??= new Map()
    this.#queues.set(room, started)
    this.#run(room, started)
  }

  /** True while something of the room is under way. */
  isBusy(room: string): boolean {
    return this.#queues?.has(room) === true
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    if (this.#queues === null) return Promise.resolve()
    this.#idlers ??= []
    const idlers = this.#idlers
    return new Promise((resolve) => idlers.push(resolve))
  }

  /** Runs steps until one takes its time; goes on when that one is done. */
  #run(room: string, queue: Step[]): void {
    for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
      this.#waitingCount -= 1
      const underWay = this.#attempt(step)
      if (underWay !== null) {
        void underWay.then(() => this.#run(room, queue))
        return
      }
    }
    this.#queues?.delete(room)
    if (this.#queues?.size !== 0) return
    this.#queues = null
    const idlers = this.#idlers ?? []
    this.#idlers = null
    for (const resolve of idlers) resolve()
  }

  #attempt(step: Step): Promise<void> | null {
    try {
      const result = step()
      return result instanceof Promise ? result.catch(this.#failed) : null
    } catch (error) {
      this.#failed(error)
      return null
    }
  }
}

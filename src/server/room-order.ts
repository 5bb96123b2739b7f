// What one connection asks of a room happens in the order asked, also when a hook or the store takes its time.
// Rooms do not wait for one another.

type Step = () => void | Promise<void>

export interface RoomOrder {
  /** Runs the step when those before it for the room have let go: at once when there are none. */
  enqueue(room: string, step: Step): void
  /** True while something of the room is under way. */
  isBusy(room: string): boolean
  /** Steps that have not begun, of all rooms. */
  readonly waitingCount: number
  /** Resolves when nothing is under way. */
  idle(): Promise<void>
}

/** A step that throws or rejects is told to `failed`; the next one runs all the same. */
export function createRoomOrder(failed: (error: unknown) => void): RoomOrder {
  const queues = new Map<string, Step[]>()
  const idlers: (() => void)[] = []
  let waitingCount = 0

  const attempt = (step: Step): Promise<void> | null => {
    try {
      const result = step()
      return result instanceof Promise ? result.catch(failed) : null
    } catch (error) {
      failed(error)
      return null
    }
  }

  /** Runs steps until one takes its time; goes on when that one is done. */
  const run = (room: string, queue: Step[]) => {
    for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
      waitingCount -= 1
      const underWay = attempt(step)
      if (underWay !== null) {
        void underWay.then(() => run(room, queue))
        return
      }
    }
    queues.delete(room)
    if (queues.size === 0) for (const resolve of idlers.splice(0)) resolve()
  }

  return {
    enqueue(room, step) {
      waitingCount += 1
      const queue = queues.get(room)
      if (queue !== undefined) {
        queue.push(step)
        return
      }
      const started = [step]
      queues.set(room, started)
      run(room, started)
    },
    isBusy: (room) => queues.has(room),
    get waitingCount() {
      return waitingCount
    },
    idle: () => (queues.size === 0 ? Promise.resolve() : new Promise((resolve) => idlers.push(resolve))),
  }
}

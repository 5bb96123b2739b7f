// Bounds that both the runs and the checks know.

/** After healing everybody is live by then, however long he had backed off. Virtual time. */
export const liveWithinMs = 240_000

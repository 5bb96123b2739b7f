// Parts of frames that travel both ways, as checks.

import { id, listOf, shape, whole } from './check.js'
import { bounds } from './limits.js'
import type { Position } from './position.js'

export const features = listOf(id, bounds.featuresMax)

export const position = shape<Position>({ epoch: id, offset: whole, tag: id })

// What a server's frame may look like, learnt from the golden frames alone: the fields that every example of a type
// has, those that some have, and the kinds of their values.

import { readdirSync, readFileSync } from 'node:fs'

/** Answers what is wrong with a server's frame, or null. `folder` holds the golden frames. */
export function goldenCheck(folder) {
  const shapes = new Map()
  for (const file of readdirSync(folder)) {
    for (const example of JSON.parse(readFileSync(new URL(file, folder), 'utf8'))) {
      if (example.direction === 'server' && example.frame !== undefined) learn(shapes, example)
    }
  }
  return (frame) => {
    const shape = shapes.get(frame.type)
    return shape === undefined ? `no golden frame has type ${frame.type}` : problem(shape, frame, frame.type)
  }
}

function learn(shapes, example) {
  const shape = shapes.get(example.frame.type) ?? { count: 0, fields: new Map() }
  shapes.set(example.frame.type, shape)
  // The data of a binary frame stand beside its header.
  note(shape, example.bytesBase64 === undefined ? example.frame : { ...example.frame, data: null })
}

function note(shape, object) {
  shape.count += 1
  for (const [name, value] of Object.entries(object)) {
    const field = shape.fields.get(name) ?? { count: 0, kinds: new Set(), shapes: new Map() }
    shape.fields.set(name, field)
    field.count += 1
    field.kinds.add(kindOf(value))
    if (name === 'data' || kindOf(value) !== 'object') continue
    const inner = field.shapes.get(variantOf(value)) ?? { count: 0, fields: new Map() }
    field.shapes.set(variantOf(value), inner)
    note(inner, value)
  }
}

function problem(shape, object, path) {
  for (const [name, field] of shape.fields) {
    if (field.count === shape.count && !Object.hasOwn(object, name)) return `${path}.${name} is missing`
  }
  for (const [name, value] of Object.entries(object)) {
    const field = shape.fields.get(name)
    if (field === undefined) return `${path}.${name} stands in no golden frame`
    if (name === 'data') continue
    if (!field.kinds.has(kindOf(value))) return `${path}.${name} is of kind ${kindOf(value)}: ${JSON.stringify(value)}`
    if (kindOf(value) !== 'object') continue
    const inner = field.shapes.get(variantOf(value))
    if (inner === undefined) return `${path}.${name} is a ${variantOf(value)} that stands in no golden frame`
    const wrong = problem(inner, value, `${path}.${name}`)
    if (wrong !== null) return wrong
  }
  return null
}

const variantOf = (object) => object.kind ?? ''

function kindOf(value) {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}
